//go:build unix

package main

import (
	"fmt"
	"syscall"
)

// access reports whether this user may make files in dir.
func access(dir string) error {
	const write, search = 2, 1
	if err := syscall.Access(dir, write|search); err != nil {
		return fmt.Errorf("folder %s: %w", dir, err)
	}
	return nil
}
