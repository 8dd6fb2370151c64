package sim

// NewCores is for tests that look at what the fleet's cores hold.
func NewCores(e *Engine) Policy {
	e.cfg.Policy = "late-binding"
	return newCores(e)
}
