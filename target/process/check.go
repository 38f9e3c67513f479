package process

// Check reports what of a valid configuration does not fit this machine: its
// program or its working directory is not there.
func (c Config) Check() error {
	_, err := c.program()
	return err
}
