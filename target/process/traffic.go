package process

import "github.com/flyball-io/flyball/scale"

// moved is how many bytes went in and out: of a reading since the replica is
// followed, of a usage per second. Where they could not be read they are not
// known, which is no zero.
type moved struct {
	known   bool
	in, out float64
}

func (m moved) plus(in, out float64) moved { return moved{m.known, m.in + in, m.out + out} }

// movedBetween is the rate between the first and the last of these readings.
// It is known when all of them are: in between nobody counted.
func movedBetween(readings []reading, of func(reading) moved) moved {
	for _, r := range readings {
		if !of(r).known {
			return moved{}
		}
	}
	from, to := readings[0], readings[len(readings)-1]
	seconds := to.at.Sub(from.at).Seconds()
	return moved{true, (of(to).in - of(from).in) / seconds, (of(to).out - of(from).out) / seconds}
}

// sumMoved adds up replicas. Where one is not known the sum would be too
// small, so it is not known.
func sumMoved(all []usage, of func(usage) moved) moved {
	sum := moved{known: true}
	for _, u := range all {
		sum = sum.plus(of(u).in, of(u).out)
		sum.known = sum.known && of(u).known
	}
	if !sum.known {
		return moved{}
	}
	return sum
}

func diskOf(u usage) moved    { return u.disk }
func networkOf(u usage) moved { return u.network }

// reportMoved adds what was moved by one replica, or by the target.
func reportMoved(samples []scale.Sample, s scale.Sample, u usage) []scale.Sample {
	for _, part := range []struct {
		moved
		in, out string
	}{{u.disk, scale.DiskReadRate, scale.DiskWriteRate}, {u.network, scale.NetworkReceiveRate, scale.NetworkTransmitRate}} {
		if part.known {
			s.Signal, s.Value = part.in, part.moved.in
			samples = append(samples, s)
			s.Signal, s.Value = part.out, part.moved.out
			samples = append(samples, s)
		}
	}
	return samples
}
