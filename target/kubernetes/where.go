package kubernetes

// Where is the namespace of the object, where sources look too; "" where only
// the context says it.
func (c Config) Where() string { return c.Namespace }
