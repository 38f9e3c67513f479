package cgroups

import (
	"bytes"
	"fmt"
	"strconv"
)

// parseNumber reads a file that holds one number.
func parseNumber(raw []byte) (float64, error) {
	text := bytes.TrimSpace(raw)
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("want a number, got %q", excerpt(text))
	}
	return float64(n), nil
}

// parseField reads the number of one line "name number" of many.
func parseField(raw []byte, name string) (float64, error) {
	for line := range bytes.Lines(raw) {
		field, value, found := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		if found && string(field) == name {
			return parseNumber(value)
		}
	}
	return 0, fmt.Errorf("has no line %s", name)
}

// parseServiceBytes reads lines "8:0 Read 4096"; nil when no device is named,
// which is what a kernel says that does not count.
func parseServiceBytes(raw []byte) (*Traffic, error) {
	var t *Traffic
	for line := range bytes.Lines(raw) {
		fields := bytes.Fields(line)
		if len(fields) != 3 {
			continue // the total of all
		}
		n, err := strconv.ParseUint(string(fields[2]), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s of device %s: want a count, got %q", excerpt(fields[1]), excerpt(fields[0]), excerpt(fields[2]))
		}
		if t == nil {
			t = &Traffic{}
		}
		switch string(fields[1]) {
		case "Read":
			t.In += n
		case "Write":
			t.Out += n
		}
	}
	return t, nil
}

// parseIOStat reads lines "8:0 rbytes=4096 wbytes=0 rios=1 …"; nil when no
// device is named.
func parseIOStat(raw []byte) (*Traffic, error) {
	var t *Traffic
	for line := range bytes.Lines(raw) {
		fields := bytes.Fields(line)
		if len(fields) < 2 {
			continue // a device that nobody uses
		}
		for _, field := range fields[1:] {
			name, value, _ := bytes.Cut(field, []byte("="))
			if string(name) != "rbytes" && string(name) != "wbytes" {
				continue
			}
			n, err := strconv.ParseUint(string(value), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s of device %s: want a count, got %q", name, excerpt(fields[0]), excerpt(value))
			}
			if t == nil {
				t = &Traffic{}
			}
			if string(name) == "rbytes" {
				t.In += n
			} else {
				t.Out += n
			}
		}
	}
	return t, nil
}

// parseNetwork reads the bytes received and sent by all interfaces but the
// loopback.
func parseNetwork(raw []byte) (Traffic, error) {
	var t Traffic
	for line := range bytes.Lines(raw) {
		name, rest, found := bytes.Cut(line, []byte(":"))
		if name = bytes.TrimSpace(name); !found || string(name) == "lo" {
			continue // of the two lines of headings, or within the container
		}
		const received, sent, columns = 0, 8, 16
		fields := bytes.Fields(rest)
		if len(fields) < columns {
			return Traffic{}, fmt.Errorf("interface %q has %d columns, want %d", excerpt(name), len(fields), columns)
		}
		in, errIn := strconv.ParseUint(string(fields[received]), 10, 64)
		out, errOut := strconv.ParseUint(string(fields[sent]), 10, 64)
		if errIn != nil || errOut != nil {
			return Traffic{}, fmt.Errorf("interface %q: want counts, got %q and %q", excerpt(name), excerpt(fields[received]), excerpt(fields[sent]))
		}
		t.In += in
		t.Out += out
	}
	return t, nil
}

// ParseCPUs counts those of a list such as "0-3,8".
func ParseCPUs(raw []byte) (int, error) {
	const most = 1 << 16
	count := 0
	for part := range bytes.SplitSeq(bytes.TrimSpace(raw), []byte(",")) {
		from, to, found := bytes.Cut(part, []byte("-"))
		if !found {
			to = from
		}
		first, errFirst := strconv.Atoi(string(from))
		last, errLast := strconv.Atoi(string(to))
		if errFirst != nil || errLast != nil || first < 0 || last < first || last > most {
			return 0, fmt.Errorf("want CPUs such as 0-3,8, got %q", excerpt(part))
		}
		count += last - first + 1
	}
	return count, nil
}

// parseMembership reads the container from lines "4:memory:/docker/ID" that
// name the groups of a process. In its own view a process may be at the root,
// and the path then begins with "/../".
func parseMembership(raw []byte) string {
	for line := range bytes.Lines(raw) {
		parts := bytes.SplitN(bytes.TrimSpace(line), []byte(":"), 3)
		if len(parts) != 3 {
			continue
		}
		if id := ContainerOf(string(parts[2])); id != "" {
			return id
		}
	}
	return ""
}

// parseCores counts the lines "cpu0 …" of /proc/stat.
func parseCores(raw []byte) float64 {
	cores := 0.0
	for line := range bytes.Lines(raw) {
		if name, found := bytes.CutPrefix(line, []byte("cpu")); found && len(name) > 0 && name[0] >= '0' && name[0] <= '9' {
			cores++
		}
	}
	return cores
}

// parseTotalMemory reads the line "MemTotal: 16384 kB" of /proc/meminfo; 0
// when there is none.
func parseTotalMemory(raw []byte) float64 {
	for line := range bytes.Lines(raw) {
		fields := bytes.Fields(line)
		if len(fields) < 2 || string(fields[0]) != "MemTotal:" {
			continue
		}
		n, err := strconv.ParseUint(string(fields[1]), 10, 54)
		if err != nil {
			return 0
		}
		return float64(n) * 1024
	}
	return 0
}

// excerpt is the beginning of what a file holds, for a message.
func excerpt(text []byte) []byte { return text[:min(len(text), 40)] }
