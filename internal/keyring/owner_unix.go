//go:build unix

package keyring

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives f the owner that the replaced file has, so that root can rotate the keys of a
// service that runs as somebody else.
func keepOwner(f *os.File, replaced fs.FileInfo) error {
	have, err := f.Stat()
	if err != nil {
		return err
	}
	old, ok1 := replaced.Sys().(*syscall.Stat_t)
	now, ok2 := have.Sys().(*syscall.Stat_t)
	if !ok1 || !ok2 || old.Uid == now.Uid && old.Gid == now.Gid {
		return nil
	}
	return f.Chown(int(old.Uid), int(old.Gid))
}
