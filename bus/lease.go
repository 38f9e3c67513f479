package bus

// Lease is what one of several holds at a time.
//
// Whoever takes it over gets a term above all terms before, so that those who
// are told to do something can tell the holder from one that has not noticed
// yet that it is none any more.
type Lease interface {
	// Term returns that of the holder; false when somebody else holds the
	// lease, or nobody can tell who does.
	Term() (term int64, held bool)
}
