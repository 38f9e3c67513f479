package serving

import (
	"slices"
	"time"
)

// Server works on requests, which it knows by numbers of its owner's. It has one
// owner, who calls Begin and End in turns:
//
//	for took, busy := s.Begin(); busy; took, busy = s.Begin() { …; first, done := s.End() }
//
// An iteration in which nobody comes or goes takes constant time, whatever the
// batch.
type Server struct {
	model *Model

	sequences []sequence // memory, reused
	free      []int32
	line      queue
	batch     []int32  // in order of admission
	ends      []ending // of those that generate, the next one last
	partial   bool     // the last of the batch has prompt left

	iteration  int64 // those that ended
	generating int   // sequences that have their first token
	held       int   // tokens there is memory taken for
	cached     int   // tokens of those that generate
	chunk      int   // prompt tokens of the iteration that runs
	complete   []int32
	working    bool

	first, done []int32 // of the newest End
	totals      Totals
}

// sequence is a request on its way.
type sequence struct {
	request int32
	prompt  int32 // to be computed: with what was generated before it had to go back
	left    int32 // of it
	made    int32 // tokens generated when it was let in last
	output  int32 // tokens asked for
	began   int64 // the iteration after which it had the next token
}

// ending is the iteration with which a sequence is done.
type ending struct {
	iteration int64
	sequence  int32
}

// Totals are counted since the beginning.
type Totals struct {
	Iterations int64
	// Generated are tokens, those of Prompt computed, more than once where there
	// was no room for them.
	Generated, Prompt int64
	// Preempted is how often a sequence had to go back to the line.
	Preempted int64
	Busy, CPU time.Duration
}

// NewServer returns a server without work.
func NewServer(m *Model) *Server { return &Server{model: m} }

// Add puts a request in line. It must fit (see [Model.Fits]).
func (s *Server) Add(request int32, prompt, output int) {
	id := s.take()
	s.sequences[id] = sequence{request: request, prompt: int32(max(1, prompt)), output: int32(max(1, output))}
	s.line.push(id)
}

func (s *Server) take() int32 {
	if n := len(s.free); n > 0 {
		id := s.free[n-1]
		s.free = s.free[:n-1]
		return id
	}
	s.sequences = append(s.sequences, sequence{})
	return int32(len(s.sequences) - 1)
}

// Waiting is how many are in line, Running how many in the batch.
func (s *Server) Waiting() int { return s.line.len() }

// Running is how many are in the batch.
func (s *Server) Running() int { return len(s.batch) }

// Usage is the share of the memory that is taken, 0..1.
func (s *Server) Usage() float64 { return float64(s.held) / float64(s.model.Cache) }

// Totals are what was done, without the iteration that runs.
func (s *Server) Totals() Totals { return s.totals }

// Working reports whether an iteration runs.
func (s *Server) Working() bool { return s.working }

// Begin starts an iteration and returns how long it takes; false without work.
func (s *Server) Begin() (time.Duration, bool) {
	crowded := s.makeRoom()
	budget := s.model.Budget - s.generating
	s.chunk, s.complete = 0, s.complete[:0]
	if s.partial {
		budget -= s.compute(s.batch[len(s.batch)-1], budget)
	}
	for !crowded && budget > 0 && !s.partial && s.admits() {
		id := s.line.pop()
		s.held += int(s.sequences[id].prompt)
		s.batch = append(s.batch, id)
		budget -= s.compute(id, budget)
	}
	if len(s.batch) == 0 {
		return 0, false
	}
	s.working = true
	return s.model.Takes(s.generating, s.cached, s.chunk), true
}

// compute works on the prompt of a sequence as far as the budget goes.
func (s *Server) compute(id int32, budget int) int {
	q := &s.sequences[id]
	n := min(int(q.left), budget)
	q.left -= int32(n)
	s.chunk += n
	if s.partial = q.left > 0; !s.partial {
		s.complete = append(s.complete, id)
	}
	return n
}

// admits reports whether the first in line has room now.
func (s *Server) admits() bool {
	if s.line.len() == 0 || len(s.batch) >= s.model.MaxBatch {
		return false
	}
	q := &s.sequences[s.line.first()]
	q.left = q.prompt
	room := s.model.Cache - int(s.model.Watermark*float64(s.model.Cache)) - s.held - s.generating
	return len(s.batch) == 0 || int(q.prompt) <= room
}

// makeRoom sends those back to the line who came last, until each that generates
// has room for one more token. What they have generated stays theirs; its keys
// and values are computed again with their prompt (recomputation, as in vLLM).
func (s *Server) makeRoom() (crowded bool) {
	for s.held+s.generating > s.model.Cache && len(s.batch) > 1 {
		crowded = true
		id := s.batch[len(s.batch)-1]
		s.batch = s.batch[:len(s.batch)-1]
		q := &s.sequences[id]
		s.held -= s.size(q)
		if !s.partial {
			s.generating--
			s.cached -= s.size(q)
			s.ends = slices.DeleteFunc(s.ends, func(e ending) bool { return e.sequence == id })
			tokens := int32(s.iteration-q.began) + 1
			q.made, q.prompt = q.made+tokens, q.prompt+tokens
		}
		s.partial = false
		q.left = q.prompt
		s.line.pushFront(id)
		s.totals.Preempted++
	}
	return crowded
}

// size is for how many tokens a sequence of the batch takes memory.
func (s *Server) size(q *sequence) int {
	if q.left > 0 {
		return int(q.prompt)
	}
	return int(q.prompt) + int(s.iteration-q.began)
}

// End ends the iteration that runs. It lends the requests that got their first
// token, and those that are done.
func (s *Server) End() (first, done []int32) {
	t, took := &s.totals, s.model.Takes(s.generating, s.cached, s.chunk)
	t.Busy += took
	t.CPU += s.model.CPUPerIteration + time.Duration(len(s.batch))*s.model.CPUPerSequence
	t.Iterations++
	t.Generated += int64(s.generating)
	t.Prompt += int64(s.chunk)
	s.iteration++
	s.working = false
	s.held += s.generating
	s.cached += s.generating
	s.first, s.done = s.first[:0], s.done[:0]
	for _, id := range s.complete {
		s.begin(id)
	}
	for n := len(s.ends); n > 0 && s.ends[n-1].iteration <= s.iteration; n = len(s.ends) {
		s.leave(s.ends[n-1].sequence)
		s.ends = s.ends[:n-1]
	}
	return s.first, s.done
}

// begin gives a sequence whose prompt is computed its next token.
func (s *Server) begin(id int32) {
	q := &s.sequences[id]
	if q.made == 0 {
		s.first = append(s.first, q.request)
	}
	q.began = s.iteration
	s.totals.Generated++
	s.generating++
	s.cached += int(q.prompt)
	e := ending{s.iteration + int64(q.output-q.made) - 1, id}
	at, _ := slices.BinarySearchFunc(s.ends, e, func(a, b ending) int { return int(b.iteration - a.iteration) })
	s.ends = slices.Insert(s.ends, at, e)
}

// leave ends a sequence.
func (s *Server) leave(id int32) {
	q := &s.sequences[id]
	s.done = append(s.done, q.request)
	s.generating--
	s.held -= s.size(q)
	s.cached -= s.size(q)
	s.batch = slices.Delete(s.batch, slices.Index(s.batch, id), slices.Index(s.batch, id)+1)
	s.free = append(s.free, id)
}

// Lose drops all work and returns whose it was.
func (s *Server) Lose() []int32 {
	var lost []int32
	for _, id := range s.batch {
		lost = append(lost, s.sequences[id].request)
	}
	for s.line.len() > 0 {
		lost = append(lost, s.sequences[s.line.pop()].request)
	}
	*s = Server{model: s.model, totals: s.totals}
	return lost
}

// queue is a line with two ends, in a ring.
type queue struct {
	ring       []int32
	head, size int
}

func (q *queue) len() int     { return q.size }
func (q *queue) first() int32 { return q.ring[q.head] }

func (q *queue) grow() {
	if q.size < len(q.ring) {
		return
	}
	ring := make([]int32, max(16, 2*len(q.ring)))
	for i := range q.size {
		ring[i] = q.ring[(q.head+i)%len(q.ring)]
	}
	q.ring, q.head = ring, 0
}

func (q *queue) push(id int32) {
	q.grow()
	q.ring[(q.head+q.size)%len(q.ring)] = id
	q.size++
}

func (q *queue) pushFront(id int32) {
	q.grow()
	q.head = (q.head + len(q.ring) - 1) % len(q.ring)
	q.ring[q.head] = id
	q.size++
}

func (q *queue) pop() int32 {
	id := q.ring[q.head]
	q.head = (q.head + 1) % len(q.ring)
	q.size--
	return id
}
