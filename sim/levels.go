package sim

// levels knows at any time which servers have the least work in progress: a
// list of servers for each amount of it. All it does takes constant time,
// however many servers there are. Those with the same amount take turns.
//
//	work 0:  ─► s4 ─► s1
//	work 1:  ─► s2
//	work 2:  ─► s3 ─► s5
type levels struct {
	head, tail []int32 // by amount of work; −1: none
	next, prev []int32 // by server
	work       []int32 // by server; −1: not a member
	least      int
	members    []int32 // in no order, for drawing one at random
	place      []int32 // of a server in members
}

// grow makes room for servers up to n.
func (l *levels) grow(n int) {
	for len(l.next) < n {
		l.next, l.prev, l.work, l.place = append(l.next, -1), append(l.prev, -1), append(l.work, -1), append(l.place, -1)
	}
}

func (l *levels) len() int { return len(l.members) }

// add makes a server with some work in progress a member.
func (l *levels) add(s int32, work int) {
	l.grow(int(s) + 1)
	l.place[s] = int32(len(l.members))
	l.members = append(l.members, s)
	l.insert(s, work)
	if len(l.members) == 1 || work < l.least {
		l.least = work
	}
}

// remove takes a server out.
func (l *levels) remove(s int32) {
	l.unlink(s)
	l.work[s] = -1
	last := l.members[len(l.members)-1]
	l.members[l.place[s]] = last
	l.place[last] = l.place[s]
	l.members = l.members[:len(l.members)-1]
	l.climb()
}

// change moves a member by one: up when work begins, down when it ends.
func (l *levels) change(s int32, by int32) {
	work := int(l.work[s] + by)
	l.unlink(s)
	l.insert(s, work)
	if work < l.least {
		l.least = work
	} else {
		l.climb()
	}
}

// climb looks for the least work there is now.
func (l *levels) climb() {
	if len(l.members) == 0 {
		l.least = 0
		return
	}
	for l.head[l.least] < 0 {
		l.least++
	}
}

// idlest is a member with the least work in progress.
func (l *levels) idlest() int32 { return l.head[l.least] }

func (l *levels) insert(s int32, work int) {
	for len(l.head) <= work {
		l.head, l.tail = append(l.head, -1), append(l.tail, -1)
	}
	l.work[s] = int32(work)
	last := l.tail[work]
	l.prev[s], l.next[s] = last, -1
	if last >= 0 {
		l.next[last] = s
	} else {
		l.head[work] = s
	}
	l.tail[work] = s
}

func (l *levels) unlink(s int32) {
	work, prev, next := l.work[s], l.prev[s], l.next[s]
	if prev >= 0 {
		l.next[prev] = next
	} else {
		l.head[work] = next
	}
	if next >= 0 {
		l.prev[next] = prev
	} else {
		l.tail[work] = prev
	}
}
