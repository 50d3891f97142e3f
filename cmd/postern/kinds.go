package main

import (
	"postern/config"
	directories "postern/directory/all"
	methods "postern/method/all"
	senders "postern/notify/all"
)

// kinds are what this program was built with.
func kinds() config.Kinds {
	return config.Kinds{Directories: directories.Kinds(), Methods: methods.Kinds, Senders: senders.Kinds}
}
