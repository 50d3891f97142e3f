package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"postern/audit"
)

type auditVerify struct {
	logFlags
	Export string `help:"Verify a file that \"postern audit export\" wrote, instead of the store. Needs --key." placeholder:"FILE"`
	Key    string `help:"The log's public key (a C2SP vkey), as \"postern keys init\" printed it." placeholder:"VKEY"`
	Older  string `help:"A file with a checkpoint that was kept elsewhere: the log must continue it. Default: the one of the last verification, beside the keyset." placeholder:"FILE"`
}

// Run verifies.
func (c auditVerify) Run(e *env) error {
	older := ""
	if c.Older != "" {
		text, err := os.ReadFile(c.Older)
		if err != nil {
			return fmt.Errorf("--older: %w", err)
		}
		older = string(text)
	}
	var err error
	if c.Export != "" {
		err = c.export(e, older)
	} else {
		err = c.store(e, older)
	}
	var fault *audit.Fault
	if errors.As(err, &fault) {
		fmt.Fprintf(e.out, "FAULT: %s\n", strings.TrimPrefix(fault.Error(), "audit: "))
		return errSilent
	}
	return err
}

// export verifies a file.
func (c auditVerify) export(e *env, older string) error {
	if c.Key == "" {
		return usageError{"--export needs --key: the public key says who must have signed"}
	}
	f, err := os.Open(c.Export)
	if err != nil {
		return fmt.Errorf("--export: %w", err)
	}
	report, err := audit.VerifyExport(f, c.Key, older)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	tell(e, report, older != "")
	return nil
}

// store verifies the log where it is. It continues the checkpoint of the last time, and keeps the
// one of this time.
func (c auditVerify) store(e *env, older string) (err error) {
	l, err := c.open(e.ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.store.Close()) }()
	if c.Key != "" {
		l.key = c.Key
	}
	last, err := readKept(l.kept)
	if err != nil {
		return err
	}
	if older == "" {
		older = last
	}
	// The checkpoint first: records that come after it only wait.
	_, checkpoint, err := l.store.Head(e.ctx)
	if err != nil {
		return err
	}
	report, err := audit.Verify(audit.Check{Records: l.all(e.ctx), Checkpoint: checkpoint, Key: l.key, Older: older, Hashes: l.reader(e.ctx)})
	if err != nil {
		if _, fault := errors.AsType[*audit.Fault](err); fault && older == last && last != "" {
			fmt.Fprintf(e.err, "The log was held against the checkpoint of the last verification, %s. Only if you restored an older store yourself, move that file away.\n", l.kept)
		}
		return err
	}
	tell(e, report, older != "")
	since, long, err := l.waiting(e.ctx, e.now())
	if err != nil {
		return err
	}
	if long {
		fmt.Fprintf(e.out, "WARNING: a record has waited for its place since %s. Until it has one, deleting it would not be noticed: is \"postern serve\" running?\n", moment(since))
	}
	if l.kept == "" || checkpoint == "" {
		return nil
	}
	if err := keep(l.kept, checkpoint); err != nil {
		fmt.Fprintf(e.err, "The log is whole, but the checkpoint could not be kept for the next time: %v: run this as the user that runs Postern\n", err)
		return errSilent
	}
	return nil
}

// tell prints what was verified.
func tell(e *env, report audit.Report, continued bool) {
	if report.Size == 0 {
		fmt.Fprintln(e.out, "WARNING: THE LOG IS EMPTY; nothing here proves that it always was.")
	} else {
		fmt.Fprintf(e.out, "The log is whole: %s.\nOrigin:  %s\nRoot:    %s\n", count(int(report.Size), "record"), report.Origin, report.Root)
	}
	fmt.Fprintf(e.out, "Pending: %s that the next checkpoint will cover\nErased:  %s whose personal part is gone\n",
		count(int(report.Pending), "record"), count(int(report.Erased), "record"))
	if continued {
		fmt.Fprintf(e.out, "It continues the older checkpoint, of %s.\n", count(int(report.Older), "record"))
	}
}
