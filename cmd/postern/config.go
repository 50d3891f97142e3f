package main

import "postern/config"

// configCommand is about postern.yaml itself.
type configCommand struct {
	Docs docsCommand `cmd:"" help:"Print postern.yaml with every setting explained, to begin with and to look things up."`
}

// docsCommand prints the reference.
type docsCommand struct{}

// Run prints it.
func (docsCommand) Run(e *env) error { return config.Docs(e.out, kinds()) }
