//go:build linux

package vector

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source/reading"
)

// nobody runs the server where the test runs as root, which PostgreSQL refuses.
const nobody = 65534

// postgres is a real PostgreSQL with pgvector on a socket of its own.
type postgres struct {
	t       *testing.T
	folder  string
	db      *sql.DB
	process *exec.Cmd
}

func startPostgres(t *testing.T) *postgres {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(testenv.Built(t, "pgvector"), "lib", "python3*", "site-packages", "*", "pginstall", "bin"))
	if err != nil || len(found) != 1 {
		t.Fatalf("bin/pgvector holds %v, %v; want one PostgreSQL (scripts/test-pgvector makes it)", found, err)
	}
	folder, err := os.MkdirTemp("", "fly-pg") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	p := &postgres{t: t, folder: folder}
	if os.Getuid() == 0 {
		if err := os.Chown(folder, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := p.command(found[0], "initdb", "-D", filepath.Join(folder, "data"), "-U", "fly", "--auth=trust", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	p.process = p.command(found[0], "postgres", "-D", filepath.Join(folder, "data"), "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off")
	if err := p.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	p.db, err = sql.Open("postgres", p.address("fly", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.db.Close() })
	for end := time.Now().Add(time.Minute); p.db.PingContext(t.Context()) != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("PostgreSQL does not answer")
		}
	}
	return p
}

func (p *postgres) command(bin, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(bin, name), args...)
	cmd.Dir = p.folder
	testenv.EndWithTest(cmd)
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return cmd
}

// stop ends the server at once, with its children.
func (p *postgres) stop() {
	_ = p.process.Process.Signal(syscall.SIGQUIT)
	_ = p.process.Wait()
}

func (p *postgres) address(user, database string) string {
	return fmt.Sprintf("postgres://%s@/%s?host=%s&sslmode=disable", user, database, url.QueryEscape(p.folder))
}

func (p *postgres) do(statements ...string) {
	p.t.Helper()
	for _, s := range statements {
		if _, err := p.db.ExecContext(p.t.Context(), s); err != nil {
			p.t.Fatalf("%s: %v", s, err)
		}
	}
}

func part(t *testing.T, r reading.Reading, name string) reading.Part {
	t.Helper()
	for _, p := range r.Parts {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no %s among %+v", name, r.Parts)
	return reading.Part{}
}

func TestPGVector(t *testing.T) {
	testenv.Long(t)
	p := startPostgres(t)
	r := readerOf(t, Server{PGVector: &PGVector{Address: p.address("fly", "postgres")}})
	if got, err := r.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "no extension vector") {
		t.Errorf("without the extension: %+v, %v", got, err)
	}
	p.do("CREATE EXTENSION vector",
		`CREATE TABLE docs (id serial, "the Embedding" vector(3), small halfvec(3), title text)`,
		`CREATE TABLE plain (id serial, v vector(3))`,
		`CREATE INDEX ON docs USING hnsw ("the Embedding" vector_cosine_ops)`)
	got, err := r.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	empty := part(t, got, "public.docs.the Embedding")
	if _, known := empty.Values[reading.Points]; known || len(empty.Durations) > 0 || empty.Values[reading.IndexBytes] == 0 {
		t.Errorf("nobody has counted the rows, and there is nothing to search for: %+v; want an index alone", empty)
	}

	p.do(`INSERT INTO docs ("the Embedding", small) SELECT v, v::halfvec FROM (SELECT ARRAY[random(), random(), random()]::vector(3) v FROM generate_series(1, 2000)) all_of_them`,
		"INSERT INTO plain (v) VALUES ('[1,2,3]')", "ANALYZE docs", "ANALYZE plain")
	for range 3 {
		if got, err = r.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	docs := part(t, got, "public.docs.the Embedding")
	var bytes float64
	if err := p.db.QueryRowContext(t.Context(), `SELECT pg_relation_size('"docs_the Embedding_idx"')::float8`).Scan(&bytes); err != nil {
		t.Fatal(err)
	}
	if docs.Values[reading.Points] != 2000 || docs.Values[reading.IndexBytes] != bytes || bytes < 100_000 {
		t.Errorf("got %v, want 2000 points and %v bytes", docs.Values, bytes)
	}
	if h := docs.Durations[reading.SearchDuration]; h.Count != 3 || h.Sum <= 0 || h.Sum > 60 || h.Buckets[10] != 3 {
		t.Errorf("got %+v, want three searches", h)
	}
	for _, name := range []string{"public.docs.small", "public.plain.v"} {
		if c := part(t, got, name); c.Values[reading.Points] == 0 || len(c.Durations) > 0 {
			t.Errorf("%s has no index, so no search is made: %+v", name, c)
		}
	}

	t.Run("who may not read the table sees its size alone", func(t *testing.T) {
		p.do("CREATE ROLE monitor LOGIN")
		got, err := readerOf(t, Server{PGVector: &PGVector{Address: p.address("monitor", "postgres")}}).Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if c := part(t, got, "public.docs.the Embedding"); c.Values[reading.Points] != 2000 || len(c.Durations) > 0 {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("no search where none is wanted", func(t *testing.T) {
		none := 0
		got, err := readerOf(t, Server{PGVector: &PGVector{Address: p.address("fly", "postgres"), Neighbours: &none}}).Read(t.Context())
		if err != nil || len(part(t, got, "public.docs.the Embedding").Durations) > 0 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("the index is what is searched in", func(t *testing.T) {
		tx, err := p.db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		rows, err := tx.QueryContext(t.Context(), `EXPLAIN `+searchFor(column{table: "docs", field: `"the Embedding"`, operators: "vector_cosine_ops"}, 10))
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		plan := ""
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan += line + "\n"
		}
		if !strings.Contains(plan, `Index Scan using "docs_the Embedding_idx"`) {
			t.Errorf("the plan is\n%s", plan)
		}
	})
	t.Run("no search by an index of some rows alone", func(t *testing.T) {
		p.do(`CREATE TABLE partial (id serial, few vector(3), mixed vector(3))`, `INSERT INTO partial (few, mixed) VALUES ('[1,2,3]', '[1,2,3]')`,
			`CREATE INDEX ON partial USING hnsw (few vector_l2_ops) WHERE id > 1`,
			`CREATE INDEX ON partial USING hnsw (mixed vector_cosine_ops) WHERE id > 1`, `CREATE INDEX ON partial USING hnsw (mixed vector_l2_ops)`)
		got, err := r.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if c := part(t, got, "public.partial.few"); c.Values[reading.IndexBytes] == 0 || len(c.Durations) > 0 {
			t.Errorf("the index does not help a search of all rows: %+v; want its size alone", c)
		}
		all, err := r.(*pgReader).columns(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			if c.name == "public.partial.mixed" && (c.indexes != 2 || c.operator() != "<->") {
				t.Errorf("of two indexes the one of all rows is searched in: got %+v", c)
			}
		}
	})
	t.Run("only what is shown is searched", func(t *testing.T) {
		for i := range 110 {
			p.do(fmt.Sprintf("CREATE TABLE a%03d (v vector(3))", i), fmt.Sprintf("INSERT INTO a%03d VALUES ('[1,2,3]')", i), fmt.Sprintf("CREATE INDEX ON a%03d USING hnsw (v vector_l2_ops)", i))
		}
		many := readerOf(t, Server{PGVector: &PGVector{Address: p.address("fly", "postgres")}})
		got, err := many.Read(t.Context())
		if searched := len(many.(*pgReader).times); err != nil || got.LeftOut == 0 || searched != len(got.Parts) {
			t.Errorf("%d parts, %d left out, searched in %d, %v; want as many searches as parts", len(got.Parts), got.LeftOut, searched, err)
		}
	})
	p.stop()
	if got, err := r.Read(t.Context()); err == nil || len(got.Parts) > 0 {
		t.Errorf("PostgreSQL is away: %+v, %v; want an error alone", got, err)
	}
}

// A password is asked for with each connection, and never shown.
func TestPGVectorWithAPassword(t *testing.T) {
	testenv.Long(t)
	p := startPostgres(t)
	p.do("CREATE EXTENSION vector", "ALTER ROLE fly PASSWORD 'right one'")
	if err := os.WriteFile(filepath.Join(p.folder, "data", "pg_hba.conf"), []byte("local all all scram-sha-256\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.do("SELECT pg_reload_conf()")
	read := func(password string) error {
		_, err := readerOf(t, Server{PGVector: &PGVector{Address: p.address("fly", "postgres"), Password: scale.Secret(password)}}).Read(t.Context())
		return err
	}
	for end := time.Now().Add(30 * time.Second); read("wrong one") == nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a wrong password is taken")
		}
	}
	if err := read("wrong one"); strings.Contains(err.Error(), "wrong one") {
		t.Errorf("shows the password: %v", err)
	}
	if err := read("right one"); err != nil {
		t.Error(err)
	}
}
