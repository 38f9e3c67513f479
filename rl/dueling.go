package rl

import "github.com/flyball-io/flyball/neural"

// dueling is Q(s,a) = V + A(a) − mean A of a row of V and A's, which is what the net
// says (Wang et al., "Dueling Network Architectures for Deep Reinforcement
// Learning", ICML 2016, eq. 9).
func dueling(row []float32, action int) float64 {
	sum := 0.0
	for _, a := range row[1:] {
		sum += float64(a)
	}
	return float64(row[0]) + float64(row[1+action]) - sum/float64(len(row)-1)
}

// folded is the net whose outputs are Q of each action: V + A − mean A is linear in
// the weights of the last layer.
func folded(net *neural.Net) *neural.Net {
	layers := net.Layers()
	last := len(layers) - 1
	layers[last].Outputs--
	out, err := neural.New(net.Inputs(), layers...)
	if err != nil {
		panic(err) // one output less than the net there is
	}
	weights, biases := out.Weights(last)
	copy(out.Parameters(), net.Parameters()[:len(out.Parameters())-len(weights)-len(biases)])
	from, fromBiases := net.Weights(last)
	fold(weights, from, layers[last].Outputs)
	fold(biases, fromBiases, layers[last].Outputs)
	return out
}

// fold makes rows of Q of rows of V and A's.
func fold(to, from []float32, actions int) {
	for i := range to {
		row := i / actions * (1 + actions)
		to[i] = float32(dueling(from[row:row+1+actions], i%actions))
	}
}
