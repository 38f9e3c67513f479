package discover

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// listeners reads the kernel's tables of sockets and finds the processes that
// have them open.
func listeners() ([]Listener, error) {
	sockets := map[string]Listener{} // by inode
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if err := readTable(table, sockets); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	owners := owners(sockets)
	all := make([]Listener, 0, len(sockets))
	for inode, l := range sockets {
		if pid := owners[inode]; pid != 0 {
			l.Process = readProcess(pid)
		}
		all = append(all, l)
	}
	return all, nil
}

// readTable adds the sockets that listen:
//
//	sl  local_address rem_address   st …            uid  timeout inode
//	0:  0100007F:1F90 00000000:0000 0A … … … …      0    0       12345
func readTable(path string, sockets map[string]Listener) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	const local, state, inode, listening = 1, 3, 9, "0A"
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) <= inode || fields[state] != listening {
			continue
		}
		if l, err := parseLocal(fields[local]); err == nil {
			sockets[fields[inode]] = l
		}
	}
	return lines.Err()
}

// parseLocal reads an address as the kernel writes it: words of four bytes,
// each in the order of the machine, which is little-endian wherever this runs.
func parseLocal(text string) (Listener, error) {
	host, port, _ := strings.Cut(text, ":")
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return Listener{}, err
	}
	raw, err := hex.DecodeString(host)
	if err != nil {
		return Listener{}, err
	}
	for word := range slices.Chunk(raw, 4) {
		slices.Reverse(word)
	}
	address, ok := netip.AddrFromSlice(raw)
	if !ok {
		return Listener{}, fmt.Errorf("address %q", text)
	}
	return Listener{Address: address.Unmap(), Port: int(number)}, nil
}

// owners finds the process that has each socket open; of several the first:
// the parent of those that inherited it.
func owners(sockets map[string]Listener) map[string]int {
	found := map[string]int{}
	folders, _ := filepath.Glob("/proc/[0-9]*/fd") // without /proc nobody is found
	for _, folder := range folders {
		pid, err := strconv.Atoi(strings.Split(folder, "/")[2])
		if err != nil {
			continue
		}
		files, err := os.ReadDir(folder)
		if err != nil {
			continue // another user's, or gone
		}
		for _, file := range files {
			link, err := os.Readlink(filepath.Join(folder, file.Name()))
			inode, socket := strings.CutPrefix(link, "socket:[")
			if err != nil || !socket {
				continue
			}
			inode = strings.TrimSuffix(inode, "]")
			if _, listens := sockets[inode]; listens && (found[inode] == 0 || pid < found[inode]) {
				found[inode] = pid
			}
		}
	}
	return found
}

// readProcess says what can be seen of a process.
func readProcess(pid int) Process {
	folder := fmt.Sprintf("/proc/%d/", pid)
	read := func(name string) string {
		data, _ := os.ReadFile(folder + name) // what cannot be read stays empty
		return string(data)
	}
	p := Process{PID: pid, Name: strings.TrimSpace(read("comm"))}
	if line := strings.TrimRight(read("cmdline"), "\x00"); line != "" {
		p.Command = strings.Split(line, "\x00")
	}
	if env := strings.TrimRight(read("environ"), "\x00"); env != "" {
		p.Env = strings.Split(env, "\x00")
	}
	p.Executable, _ = os.Readlink(folder + "exe")
	p.Executable = strings.TrimSuffix(p.Executable, " (deleted)")
	p.Dir, _ = os.Readlink(folder + "cwd")
	p.Unit = unit(read("cgroup"))
	return p
}

// unitName is what systemd allows; others may name a control group otherwise,
// and the name becomes a part of a command that people copy.
var unitName = regexp.MustCompile(`^[A-Za-z0-9_.:][A-Za-z0-9_.:@\\-]{0,254}$`)

// unit is the service of systemd in a list of control groups.
func unit(groups string) string {
	for line := range strings.Lines(groups) {
		name := filepath.Base(strings.TrimSpace(line))
		// user@1000.service is the whole session of somebody.
		if service, ok := strings.CutSuffix(name, ".service"); ok && !strings.HasPrefix(service, "user@") && unitName.MatchString(name) {
			return name
		}
	}
	return ""
}
