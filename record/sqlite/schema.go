package sqlite

// applicationID marks a file as ours: "Flyb".
const applicationID = 0x466c7962

// schemaVersion of what follows; files of later ones are refused.
const schemaVersion = 1

// schema of a new file. Each row carries a checksum, because SQLite does not
// notice when bytes within a page change; numbers of names stand for texts
// that occur again and again.
//
// entries is ordered by target, so that a window of one target is read in one
// go. trails, the larger part, is ordered by time of writing, so that a batch
// of many targets is appended in one place.
const schema = `
CREATE TABLE names (
	id   INTEGER PRIMARY KEY,
	text TEXT NOT NULL,
	sum  INTEGER NOT NULL);
CREATE INDEX names_copy ON names (text, sum); -- a second copy: without names no entry can be read

CREATE TABLE entries (
	target  INTEGER NOT NULL, -- of names
	id      INTEGER NOT NULL,
	at      INTEGER NOT NULL, -- nanoseconds since 1970
	kind    INTEGER NOT NULL, -- 0 decision, 1 applied, 2 event; +4 changes, +8 held
	current INTEGER NOT NULL,
	desired INTEGER NOT NULL,
	why     INTEGER NOT NULL, -- of names
	body    BLOB NOT NULL,
	PRIMARY KEY (target, id)) WITHOUT ROWID;
CREATE INDEX entries_rare ON entries (target, id) WHERE kind <> 0;

CREATE TABLE trails (
	id     INTEGER PRIMARY KEY,
	target INTEGER NOT NULL,
	kind   INTEGER NOT NULL,
	body   BLOB NOT NULL);
CREATE INDEX trails_rare ON trails (id) WHERE kind <> 0;

CREATE TABLE memory (
	id     INTEGER PRIMARY KEY AUTOINCREMENT,
	target TEXT NOT NULL,
	key    TEXT NOT NULL,
	data   BLOB, -- NULL: removed
	sum    INTEGER NOT NULL);
CREATE UNIQUE INDEX memory_key ON memory (target, key);

CREATE TABLE spans (
	first    INTEGER PRIMARY KEY, -- IDs
	last     INTEGER NOT NULL,
	earliest INTEGER NOT NULL, -- of the entries' times
	latest   INTEGER NOT NULL,
	ticks    INTEGER NOT NULL, -- recorded time, see age.go
	wall     INTEGER NOT NULL); -- the store's clock

CREATE VIEW log AS SELECT e.id, datetime(e.at / 1000000000, 'unixepoch') AS at, t.text AS target,
	CASE e.kind & 3 WHEN 0 THEN 'decided' WHEN 1 THEN 'applied' ELSE 'event' END AS kind,
	e.current, e.desired, w.text AS why
	FROM entries e JOIN names t ON t.id = e.target LEFT JOIN names w ON w.id = e.why;
`

// Bits of the column kind.
const (
	kindMask  = 3
	isDecided = 0
	isApplied = 1
	isEvent   = 2
	changes   = 4
	held      = 8
)
