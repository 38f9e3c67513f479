package e2e

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// wrong is a command line that must be refused.
type wrong struct {
	args   string // separated by blanks; {x} is the file or address x of the place
	status int    // 0 means 2: wrong usage
	// want are patterns, one for each line on standard error in its order.
	want []string
}

// bad has the files and addresses that wrong command lines name.
type bad struct {
	*place
	names map[string]string
}

func newBad(t *testing.T) *bad {
	t.Helper()
	b := &bad{place: newPlace(t), names: map[string]string{}}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	b.names["taken"] = taken.Addr().String()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.names["closed"] = gone.Addr().String()
	gone.Close()
	b.names["dir"] = b.dir
	b.names["file"] = b.write("file", "not a folder")
	return b
}

// file makes a file that command lines can name.
func (b *bad) file(name, content string) { b.names[name] = b.write(name, content) }

// refused runs the command line and looks at what came of it.
func (b *bad) refused(t *testing.T, w wrong) {
	t.Helper()
	args := strings.Fields(w.args)
	for i := range args {
		for name, path := range b.names {
			args[i] = strings.ReplaceAll(args[i], "{"+name+"}", path)
		}
	}
	r := b.start(args...)
	if got, want := r.wait(patience), cmp.Or(w.status, 2); got != want {
		t.Errorf("exit status %d, want %d", got, want)
	}
	lines := strings.Split(strings.TrimSuffix(r.stderr.String(), "\n"), "\n")
	for i := range max(len(lines), len(w.want)) {
		switch {
		case i >= len(w.want):
			t.Errorf("one line too much: %s", lines[i])
		case i >= len(lines):
			t.Errorf("a line lacks: %s", w.want[i])
		case !regexp.MustCompile(b.filled(w.want[i])).MatchString(lines[i]):
			t.Errorf("got  %s\nwant %s", lines[i], w.want[i])
		}
	}
	if out := r.stdout.String(); out != "" {
		t.Errorf("standard output says %q, want nothing", out)
	}
	b.gone()
	if left, _ := filepath.Glob(filepath.Join(b.state(), "*.json")); len(left) > 0 {
		t.Errorf("state was written: %v", left)
	}
}

// filled is a pattern with the names of files in place.
func (b *bad) filled(pattern string) string {
	for name, path := range b.names {
		pattern = strings.ReplaceAll(pattern, "{"+name+"}", regexp.QuoteMeta(path))
	}
	return pattern
}

func (b *bad) allRefused(all []wrong) {
	for _, w := range all {
		b.t.Run(w.args, func(t *testing.T) {
			b := &bad{place: &place{t: t, dir: b.dir, program: b.program}, names: b.names}
			b.refused(t, w)
		})
	}
}

func TestBadCommandLinesAreRefused(t *testing.T) {
	b := newBad(t)
	b.allRefused([]wrong{
		{"frobnicate", 0, []string{`^flyball: unknown command "frobnicate"; known: .*demo, .*load, .*plan, .*run, .*validate, version$`}},
		{"rum -f x", 0, []string{`^flyball: unknown command "rum".*known: .*run`}},
		{"--nonsense", 0, []string{`^flyball: unknown flag: --nonsense`}},
		{"run --nonsense", 0, []string{`^flyball: unknown flag: --nonsense`}},
		{"demo --nonsense", 0, []string{`^flyball: unknown flag: --nonsense`}},
		{"validate stray", 0, []string{`^flyball: validate takes flags only, got "stray"`}},
		{"demo stray", 0, []string{`^flyball: demo takes flags only, got "stray"`}},
		{"version stray", 0, []string{`^flyball: version takes flags only`}},
		{"plan -f", 0, []string{`^flyball: flag needs an argument: 'f' in -f`}},
	})
}

func TestBadDemosAreRefused(t *testing.T) {
	b := newBad(t)
	const header = "t_seconds,requests_per_second\n"
	b.file("good.csv", header+"0,1\n60,2\n")
	b.file("empty.csv", "")
	b.file("header.csv", header)
	b.file("backward.csv", header+"0,1\n60,2\n30,1\n")
	b.file("negative.csv", header+"0,1\n60,-2\n")
	b.file("words.csv", header+"0,1\n60,many\n")
	b.file("silent.csv", header+"0,0\n60,0\n")
	b.file("other.csv", "time,hits\n0,1\n")
	b.file("garbage", "\x7fELF\x02\x01\x01\x00\xff\xfe\x00binary\n\x00\n")
	b.file("broken.csv.gz", "\x1f\x8b\x08\x00no gzip at all")
	b.allRefused([]wrong{
		{"demo --policy nope", 0, []string{`^flyball: --policy: unknown policy "nope"; known: .*hpa`}},
		{"demo --policy=", 0, []string{`^flyball: --policy: .*known: .*hpa`}},
		{"demo --policy hpa:tolerance", 0, []string{`^flyball: --policy: .*parameters are key=value`}},
		{"demo --policy hpa:tolerance=9", 0, []string{`^flyball: --policy: tolerance: must be at least 0 and below 1, got 9`}},
		{"demo --policy hpa:speed=9", 0, []string{`^flyball: --policy: .*unknown field "speed"; allowed: `}},
		{"demo --compare nope", 0, []string{`^flyball: --compare: .*unknown policy "nope"`}},
		{"demo --compare=", 0, []string{`^flyball: --compare: .*known: `}},
		{"demo --shape zigzag", 0, []string{`^flyball: --shape: .*"zigzag".*must be one of`}},
		{"demo --shape ramp --trace {good.csv}", 0, []string{`^flyball: --shape and --trace exclude each other`}},
		{"demo --trace {dir}/none.csv", 0, []string{`^flyball: --trace: .*{dir}/none.csv: no such file`}},
		{"demo --trace=", 0, []string{`^flyball: --trace: must not be empty`}},
		{"demo --trace {dir}", 0, []string{`^flyball: --trace: trace {dir}: is a directory`}},
		{"demo --trace {empty.csv}", 0, []string{`^flyball: --trace: trace {empty.csv}.*empty`}},
		{"demo --trace {header.csv}", 0, []string{`^flyball: --trace: trace {header.csv}`}},
		{"demo --trace {backward.csv}", 0, []string{`^flyball: --trace: trace {backward.csv} line 4: t_seconds: `}},
		{"demo --trace {negative.csv}", 0, []string{`^flyball: --trace: trace {negative.csv} line 3: requests_per_second: -2 is negative`}},
		{"demo --trace {words.csv}", 0, []string{`^flyball: --trace: trace {words.csv} line 3: requests_per_second: "many"`}},
		{"demo --trace {silent.csv}", 0, []string{`^flyball: .*silent.csv`}},
		{"demo --trace {other.csv}", 0, []string{`^flyball: --trace: trace {other.csv} line 1: `}},
		{"demo --trace {garbage}", 0, []string{`^flyball: --trace: trace {garbage} line 1: `}},
		{"demo --trace {broken.csv.gz}", 0, []string{`^flyball: --trace: trace {broken.csv.gz}`}},
		{"demo --window 0h:1h", 0, []string{`^flyball: --window: needs --trace`}},
		{"demo --trace {good.csv} --window 1h", 0, []string{`^flyball: --window: .*"1h": must be FROM:TO`}},
		{"demo --trace {good.csv} --window 1h:2h", 0, []string{`^flyball: --window: "1h:2h" begins after the end of the trace`}},
		{"demo --speed 0", 0, []string{`^flyball: --speed: must be 1 to 120, got 0`}},
		{"demo --speed -1", 0, []string{`^flyball: --speed: must be 1 to 120, got -1`}},
		{"demo --speed 121", 0, []string{`^flyball: --speed: must be 1 to 120, got 121`}},
		{"demo --speed NaN", 0, []string{`^flyball: --speed: must be 1 to 120, got NaN`}},
		{"demo --speed fast", 0, []string{`^flyball: --speed: must be a number, got "fast"`}},
		{"demo --duration 0s", 0, []string{`^flyball: --duration: must be at least 1s, got 0s`}},
		{"demo --duration -5s", 0, []string{`^flyball: --duration: must be at least 1s, got -5s`}},
		{"demo --duration 5", 0, []string{`^flyball: --duration: "5" is not a duration`}},
		{"demo --max 0", 0, []string{`^flyball: --max: must be 1 to 200, got 0`}},
		{"demo --max -1", 0, []string{`^flyball: --max: must be 1 to 200, got -1`}},
		{"demo --max many", 0, []string{`^flyball: --max: must be a whole number, got "many"`}},
		{"demo --peak-rps 0", 0, []string{`^flyball: --peak-rps: must be above 0`}},
		{"demo --peak-rps -3", 0, []string{`^flyball: --peak-rps: must be above 0`}},
		{"demo --peak-rps Inf", 0, []string{`^flyball: --peak-rps: must be above 0`}},
		{"demo --seed -1", 0, []string{`^flyball: --seed: must be a whole number of 0 or more, got "-1"`}},
		{"demo --listen {taken}", 0, []string{`^flyball: --listen: .*{taken}.*address already in use`}},
		{"demo --listen nonsense", 0, []string{`^flyball: --listen: must be host:port, got "nonsense"`}},
		{"demo --listen 127.0.0.1:99999", 0, []string{`^flyball: --listen: .*99999`}},
		{"demo --listen 0.0.0.0:0", 0, []string{`^flyball: --listen: must be a loopback address`}},
		{"demo --json=maybe", 0, []string{`^flyball: --json: must be true or false, got "maybe"`}},
		{"demo --policy nope --max 0 --peak-rps 0", 0, []string{`^flyball: --policy: `, `^flyball: --max: `, `^flyball: --peak-rps: `}},
	})
}

// documents are wrong in one way each; the key is the file's name.
func (b *bad) documents() {
	good := b.text(document{name: "shop", port: freePort(b.t), min: 1, max: 3})
	b.file("good.yaml", good)
	with := func(name, was, is string) {
		b.t.Helper()
		if !strings.Contains(good, was) {
			b.t.Fatalf("the document lacks %q", was)
		}
		b.file(name, strings.Replace(good, was, is, 1))
	}
	b.file("empty.yaml", "")
	b.file("comment.yaml", "# nothing\n---\n")
	b.file("garbage.yaml", "\x7fELF\x02\x01\x01\x00\xff\xfe\x00binary\n\x00\n")
	b.file("syntax.yaml", "apiVersion: [\n")
	b.file("list.yaml", "- a\n- b\n")
	b.file("configmap.yaml", "apiVersion: v1\nkind: ConfigMap\n")
	b.file("large.yaml", "#"+strings.Repeat("x", 2<<20))
	b.file("twice.yaml", good+"---\n"+good)
	with("field.yaml", "replicas: {min: 1,", "replicas: {mim: 1,")
	with("policy.yaml", "policy: {hpa: {metrics: [{signal: requestRate, averageValue: 20}]}}", "policy: {magic: {}}")
	with("negative.yaml", "min: 1", "min: -1")
	with("bounds.yaml", "min: 1", "min: 5")
	with("zero.yaml", "max: 3", "max: 0")
	with("port.yaml", "port: ", "port: 9")
	with("command.yaml", fmt.Sprintf("%q", b.program), "no-such-program")
	with("file.yaml", fmt.Sprintf("%q", b.program), b.dir)
	with("folder.yaml", "port: ", "workingDirectory: /nowhere\n      port: ")
	with("variable.yaml", "sync: 500ms", "sync: ${NO_SUCH_VARIABLE}")
	with("name.yaml", "name: shop", "name: Shop!")
	with("sync.yaml", "sync: 500ms", "sync: 500")
	with("taken.yaml", "balancer: {builtin: {", "balancer: {builtin: {listen: '"+b.names["taken"]+"', ")
	with("listen.yaml", "balancer: {builtin: {", "balancer: {builtin: {listen: nonsense, ")
	with("certificate.yaml", "balancer: {builtin: {", "balancer: {builtin: {tls: {certFile: /no.crt, keyFile: /no.key}, ")
	with("several.yaml", "replicas: {min: 1, max: 3}", "replicas: {min: -1, max: 0}\n  colour: red")
	if err := os.Mkdir(filepath.Join(b.dir, "folder"), 0o755); err != nil {
		b.t.Fatal(err)
	}
	b.names["folder"] = filepath.Join(b.dir, "folder")
}

func TestBadDocumentsAreRefused(t *testing.T) {
	b := newBad(t)
	b.documents()
	// What is wrong on any machine, and what only here.
	anywhere := map[string][]string{
		"{dir}/none.yaml":  {`^{dir}/none.yaml: .*no such file`},
		"{folder}":         {`^{folder}: there is no .yaml or .yml file`},
		"{empty.yaml}":     {`^{empty.yaml}: there is no document in it`},
		"{comment.yaml}":   {`^{comment.yaml}: there is no document in it`},
		"{garbage.yaml}":   {`^{garbage.yaml}:1: `},
		"{syntax.yaml}":    {`^{syntax.yaml}:\d: `},
		"{list.yaml}":      {`^{list.yaml}:1: must be an object`},
		"{configmap.yaml}": {`^{configmap.yaml}:1: apiVersion: must be flyball.io/v1alpha1, got`, `^{configmap.yaml}:2: kind: must be Autoscaler, got`},
		"{large.yaml}":     {`^{large.yaml}: is larger than`},
		"{twice.yaml}":     {`^{twice.yaml}:\d+: metadata.name: "shop" is already the name of the document at {twice.yaml}:1`},
		"{field.yaml}":     {`^{field.yaml}:11: spec.replicas.mim: unknown field; allowed: max, min`},
		"{policy.yaml}":    {`^{policy.yaml}:12: spec.policy.magic: unknown policy; known: .*hpa`},
		"{negative.yaml}":  {`^{negative.yaml}:11: spec.replicas.min: must be at least 0, got -1`},
		"{bounds.yaml}":    {`^{bounds.yaml}:11: spec.replicas`},
		"{zero.yaml}":      {`^{zero.yaml}:11: spec.replicas.max: must be at least 1, got 0`},
		"{port.yaml}":      {`^{port.yaml}:9: spec.target.process.port: must be at most 65535, got 9\d+`},
		"{variable.yaml}":  {`^{variable.yaml}:5: .*NO_SUCH_VARIABLE`},
		"{name.yaml}":      {`^{name.yaml}:3: metadata.name: `},
		"{sync.yaml}":      {`^{sync.yaml}:5: spec.sync: .*duration`},
		"{listen.yaml}":    {`^{listen.yaml}:14: spec.balancer.builtin.listen: must be host:port, got "nonsense"`},
		"{several.yaml}": {`^{several.yaml}:11: spec.replicas.m`, `^{several.yaml}:11: spec.replicas.m`,
			`^{several.yaml}:12: spec.colour: unknown field`},
		"{good.yaml} -f {good.yaml}": nil, // named twice is read once
	}
	here := map[string][]string{
		"{command.yaml}":     {`^{command.yaml}:8: spec.target.process.command: .*"no-such-program": executable file not found`},
		"{file.yaml}":        {`^{file.yaml}:8: spec.target.process.command: {dir} is a directory`},
		"{folder.yaml}":      {`^{folder.yaml}:9: spec.target.process.workingDirectory: .*/nowhere: no such file`},
		"{certificate.yaml}": {`^{certificate.yaml}:14: spec.balancer.builtin.tls: open /no.crt: no such file`},
	}
	var all []wrong
	for file, want := range anywhere {
		if want == nil {
			continue
		}
		all = append(all, wrong{"validate -f " + file, 0, want}, wrong{"plan -f " + file, 0, want},
			wrong{"run --listen 127.0.0.1:0 --state-dir {dir}/state -f " + file, 0, want})
	}
	for file, want := range here {
		all = append(all, wrong{"plan -f " + file, 0, want}, wrong{"run --listen 127.0.0.1:0 --state-dir {dir}/state -f " + file, 0, want})
	}
	b.allRefused(all)
	for file := range here {
		if r := b.run("validate", "-f", b.names[strings.Trim(file, "{}")]); r.status != 0 {
			t.Errorf("validate %s: exit status %d, want 0: another machine may have it: %s", file, r.status, r.stderr)
		}
	}
}

func TestBadRunsAreRefused(t *testing.T) {
	b := newBad(t)
	b.documents()
	const run = "run --listen 127.0.0.1:0 --state-dir {dir}/state "
	b.allRefused([]wrong{
		{"run", 0, []string{`^flyball: .*-f FILE`}},
		{"validate", 0, []string{`^flyball: .*-f FILE`}},
		{"plan", 0, []string{`^flyball: .*-f FILE`}},
		{run + "-f -", 0, []string{`^-: there is no document in it`}},
		{run + "-f {good.yaml} --on-exit maybe", 0, []string{`^flyball: --on-exit: must be stop or keep, got "maybe"`}},
		{run + "-f {good.yaml} --log-format xml", 0, []string{`^flyball: --log-format: must be text or json, got "xml"`}},
		{run + "-f {good.yaml} --log-level loud", 0, []string{`^flyball: --log-level: must be debug, info, warn or error, got "loud"`}},
		{run + "-f {taken.yaml}", 0, []string{`^flyball: shop: balancer: .*{taken}: .*address already in use`}},
		{"run --state-dir {dir}/state -f {good.yaml} --listen {taken}", 0, []string{`^flyball: --listen: .*{taken}.*address already in use`}},
		{"run --state-dir {dir}/state -f {good.yaml} --listen nonsense", 0, []string{`^flyball: --listen: must be host:port, got "nonsense"`}},
		{"run --state-dir {dir}/state -f {good.yaml} --listen 0.0.0.0:7070", 0, []string{`^flyball: --listen: other machines can reach .*name a --token-file`}},
		{"run --state-dir {dir}/state -f {good.yaml} --listen 127.0.0.1:0 --token-file {dir}/none", 0, []string{`^flyball: --token-file: .*none`}},
		{"run --state-dir {dir}/state -f {good.yaml} --listen 127.0.0.1:0 --tls-cert {file}", 0, []string{`^flyball: --tls-cert and --tls-key: name both or none`}},
		{"run --state-dir {dir}/state -f {good.yaml} --listen 127.0.0.1:0 --tls-cert {file} --tls-key {file}", 0, []string{`^flyball: --tls-cert, --tls-key: .*{file}`}},
		{"run --state-dir {dir}/state -f {good.yaml} --listen 127.0.0.1:0 --retention never", 0, []string{`^flyball: --retention: "never" is not a duration`}},
		{"run --state-dir {dir}/state -f {good.yaml} --listen 127.0.0.1:0 --record-size 5", 0, []string{`^flyball: --record-size: must be a size of at least 1.0 MiB such as 1GiB, got "5"`}},
		{"run --listen 127.0.0.1:0 -f {good.yaml} --state-dir {file}", 0, []string{`^flyball: --state-dir: .*{file}: not a directory`}},
		{"run --listen 127.0.0.1:0 -f {good.yaml} --state-dir {file}/state", 0, []string{`^flyball: --state-dir: .*{file}.*: not a directory`}},
		{"run --listen 127.0.0.1:0 -f {good.yaml} --state-dir /proc/state", 0, []string{`^flyball: --state-dir: .*/proc/state: no such file`}},
		{"run --listen 127.0.0.1:0 -f {good.yaml} --state-dir /proc", 0, []string{`^flyball: --state-dir: /proc: must be a folder that can be written to`}},
		{"run --listen 127.0.0.1:0 -f {good.yaml} --state-dir {dir}/" + strings.Repeat("long", 30), 0, []string{`^flyball: .*socket .*: must be at most 103 bytes long, got \d+`}},
	})
	b.names["damaged"] = filepath.Join(b.dir, "damaged")
	b.write("damaged/shop.json", "{{{")
	b.allRefused([]wrong{
		{"plan -f {good.yaml} --state-dir {damaged}", 1, []string{`^flyball: .*state {damaged}/shop.json is damaged`}},
		{"run --listen 127.0.0.1:0 -f {good.yaml} --state-dir {damaged}", 0, []string{`^flyball: .*state {damaged}/shop.json is damaged`}},
	})
}

func TestBadLoadsAreRefused(t *testing.T) {
	b := newBad(t)
	b.file("garbage", "\x7fELF\x02\x01\x01\x00\xff\xfe\x00binary\n")
	b.allRefused([]wrong{
		{"load", 0, []string{`^flyball: --url: must be given`}},
		{"load --url 127.0.0.1:8080", 0, []string{`^flyball: .*url "127.0.0.1:8080": must be http://HOST`}},
		{"load --url localhost", 0, []string{`^flyball: .*url "localhost": must be http://HOST`}},
		{"load --url ftp://127.0.0.1/", 0, []string{`^flyball: .*url "ftp://127.0.0.1/": must be http://HOST`}},
		{"load --url http://{closed}/", 1, []string{`^flyball: reach http://{closed}/: .*connection refused`}},
		{"load --url http://no-such-host.invalid/", 1, []string{`^flyball: reach http://no-such-host.invalid/: .*no-such-host.invalid`}},
		{"load --url http://{taken} --rps -3", 0, []string{`^flyball: --rps: must be above 0`}},
		{"load --url http://{taken} --rps many", 0, []string{`^flyball: --rps: must be a number, got "many"`}},
		{"load --url http://{taken} --duration 5", 0, []string{`^flyball: .*"5" is not a duration`}},
		{"load --url http://{taken} --shape ramp --speed 0", 0, []string{`^flyball: --speed: must be above 0`}},
		{"load --url http://{taken} --trace {garbage}", 0, []string{`^flyball: .*{garbage} line 1: `}},
		{"load --url http://{taken} --body @{dir}/none", 0, []string{`^flyball: --body: .*none: no such file`}},
		{"load --url http://{taken} --method=G()T", 0, []string{`^flyball: .*method "G\(\)T"`}},
		{"load --url http://{taken} --header nonsense", 0, []string{`^flyball: --header: "nonsense" must be NAME:VALUE`}},
		{"load --url http://{taken} --nonsense", 0, []string{`^flyball: unknown flag: --nonsense`}},
		{"load --url http://{taken} stray", 0, []string{`^flyball: load takes flags only, got "stray"`}},
	})
}
