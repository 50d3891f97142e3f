package page

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/directory"
	"postern/password"
	"postern/policy"
	"postern/recovery"
)

// keyGroups are the first parts of the catalogue's keys: a literal that begins with one and a dot
// is a key.
func keyGroups(texts *Texts) string {
	var groups []string
	for _, key := range texts.Keys() {
		if g, _, _ := strings.Cut(key, "."); !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	return strings.Join(groups, "|")
}

// TestKeysAreUsedAndThere compares the catalogue with the code and the templates: every key that
// is used has a text, and every text is used.
func TestKeysAreUsedAndThere(t *testing.T) {
	texts := mustTexts(t, nil)
	literal := regexp.MustCompile(`"((?:` + keyGroups(texts) + `)(?:\.[a-z0-9_]+)*)"`)
	used := map[string]string{}
	for _, dir := range []string{"template", "../portal", "../console", "../edge", "../../app"} {
		for name, content := range sources(t, dir) {
			for _, m := range literal.FindAllStringSubmatch(content, -1) {
				if strings.Contains(m[1], ".") || strings.HasSuffix(name, ".html") && strings.Contains(content, `{{t "`+m[1]+`"`) {
					used[m[1]] = name
				}
			}
		}
	}
	for _, key := range made() {
		used[key] = "made from a closed set"
	}
	for key, where := range used {
		if !texts.Has(key) && !slices.Contains(notKeys, key) {
			t.Errorf("%s: there is no text %q", where, key)
		}
	}
	for _, key := range texts.Keys() {
		if _, ok := used[key]; !ok {
			t.Errorf("nothing uses the text %q", key)
		}
	}
}

// notKeys are literals that look like keys and are none: names of limits, a file, and the second
// halves of methods' keys.
var notKeys = []string{"start.account", "change.account", "page.js", "console.css", "console.js", "console.id", "console.seen", "enroll.title", "enroll.hint", "enroll.submit"}

// made are the keys that are put together from closed sets.
func made() []string {
	var out []string
	for _, rule := range []string{password.RuleLength, password.RuleTooLong, password.RuleBanned, password.RuleOwn,
		password.RuleCommon, password.RuleGuessable, password.RuleHistory, password.RuleAge, password.RuleComplex} {
		out = append(out, "password.rule."+rule)
	}
	for _, rule := range []string{password.RuleLength, password.RuleTooLong, password.RuleCharacter, password.RuleBanned,
		password.RuleOwn, password.RuleCommon, password.RuleGuessable, password.RuleHistory, password.RuleComplex} {
		out = append(out, "password.violation."+rule)
	}
	for _, reason := range []directory.Reason{directory.TooShort, directory.TooLong, directory.TooWeak, directory.InHistory,
		directory.TooYoung, directory.SamePassword, directory.NotAllowed, directory.NeedsOld, directory.Refusal, "gone"} {
		out = append(out, "password.violation.directory_"+string(reason))
	}
	for score := range 5 {
		out = append(out, password.Estimate{Score: score}.Key())
	}
	for _, state := range []recovery.State{recovery.Refused, recovery.Expired, recovery.Cancelled, recovery.Unsettled} {
		out = append(out, "over."+string(state)+".title", "over."+string(state)+".lead", "over."+string(state)+".next")
	}
	for _, key := range []string{"title", "lead", "next"} {
		out = append(out, "over.unsettled_unlock."+key)
	}
	// Package app adds "_unlock" where no password is set.
	out = append(out, "problem.directory_refused_unlock", "problem.unsettled_unlock")
	for _, what := range []string{string(policy.Reset), string(policy.Unlock), string(policy.Change), "unsettled", "unsettled_unlock",
		"suspicious", "suspicious_unlock", "target_failed", "rehearsal_failed", "rehearsal_works", "enrolled", "removed"} {
		out = append(out, "notice."+what, "notice."+what+".body")
	}
	for _, step := range []string{"lookup", "rules", "reset", "readback", "unlock", "state", "record", "outbox"} {
		out = append(out, "rehearse.step."+step)
	}
	for _, change := range []string{"password_set", "unlocked", "sessions_ended", "notice_queued"} {
		for _, result := range []recovery.Result{recovery.OK, recovery.Failed, recovery.Unknown, recovery.Queued} {
			out = append(out, "receipt."+change+"."+string(result))
		}
	}
	out = append(out, "receipt.no_account.ok", "receipt.password_set.failed.disabled", "receipt.password_set.failed.unreached")
	for _, detail := range []string{"checked", "unchecked", "must_change", "still_locked"} {
		out = append(out, "receipt.password_set.ok."+detail)
	}
	out = append(out, "receipt.target.notice")
	for _, op := range []string{"find", "get", "set_password", "change_password", "unlock", "authenticate", "rules", "end_sessions", "examine"} {
		out = append(out, "console.op."+op) // the words of directory/wrap
	}
	for _, name := range []string{"malformed_request", "unsupported_media_type", "body_too_large", "request_timeout", "not_found",
		"method_not_allowed", "wrong_host", "foreign_origin", "busy", "conflict", "internal"} {
		out = append(out, "problem."+name)
	}
	return out
}

// sources returns the text of every Go file and template below dir but tests.
func sources(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, "_test.go") {
			return err
		}
		if ext := filepath.Ext(name); ext == ".go" || ext == ".html" {
			b, err := os.ReadFile(name)
			out[name] = string(b)
			return err
		}
		return nil
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("reading %s: %d files, %v", dir, len(out), err)
	}
	return out
}
