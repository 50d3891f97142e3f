package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/app"
	"postern/directory"
)

// together looks at what the directories are for one another: who is looked up where, what a start
// takes that asks them one after the other, and which of them get passwords besides.
func (d *Doctor) together(seen []looked) Section {
	s := Section{Name: "directories"}
	d.routes(&s)
	d.targets(&s, seen)
	var sum time.Duration
	for i, one := range seen {
		switch n := d.Directories[i]; {
		case n.Lookup == app.LookupNever, d.Closed(n.Directory):
		case one.lookUp == 0: // nobody knows, and a fault says why
			return s
		default:
			sum += one.lookUp
		}
	}
	switch {
	case sum == 0 || d.ReplyMoment <= 0:
	case 2*sum > d.ReplyMoment:
		s.add(directory.Warning, fmt.Sprintf("have the login attributes indexed for equality in the directory, or set reply_moment: %s", roomy(sum)),
			"looking one name up takes %s, and reply_moment is %s: under load answers leave late, and how late can tell whether an account exists", brief(sum), d.ReplyMoment)
	default:
		s.good("looking one name up takes %s of the %s of reply_moment", brief(sum), d.ReplyMoment)
	}
	return s
}

// routes says which names are looked up where, where there is a choice.
func (d *Doctor) routes(s *Section) {
	var always, fallback, domains []string
	listed := map[string][]string{}
	for _, n := range d.Directories {
		switch n.Lookup {
		case app.LookupNever:
			continue
		case app.LookupFallback:
			fallback = append(fallback, n.Name)
		default:
			always = append(always, n.Name)
		}
		for _, domain := range n.Domains {
			if listed[domain] == nil {
				domains = append(domains, domain)
			}
			listed[domain] = append(listed[domain], n.Name)
		}
	}
	for _, domain := range domains {
		s.good("a name with the domain %s is looked up in %s alone", domain, strings.Join(listed[domain], ", "))
	}
	if len(always)+len(fallback) < 2 {
		return
	}
	other := "a name"
	if len(domains) > 0 {
		other = "any other name"
	}
	if len(always) > 0 {
		s.good("%s is looked up in %s, and is nobody's when two of them know it", other, strings.Join(always, ", "))
	}
	if len(fallback) > 0 {
		s.good("%s is looked up in %s as well, and the first that knows it counts when none of the others does", other, strings.Join(fallback, ", "))
	}
}

// targets looks at the directories that get passwords besides the person's own.
func (d *Doctor) targets(s *Section, seen []looked) {
	rules := map[string][]string{}
	for _, r := range d.Policy.Rules {
		for _, t := range r.Targets {
			rules[t.Directory] = append(rules[t.Directory], r.Name)
		}
	}
	for i, n := range d.Directories {
		names := slices.Compact(rules[n.Name])
		switch {
		case n.Lookup == app.LookupNever && len(names) == 0:
			s.add(directory.Warning, fmt.Sprintf("name it under targets of a rule (policy.rules[].targets: [{directory: %s}]), or take it out", n.Name),
				"directory %s has lookup: never and is no rule's target: nothing is done with it", n.Name)
		case len(names) > 0 && seen[i].Count(directory.Fault) > 0:
			s.add(directory.Warning, fmt.Sprintf("mend what is said of directory %s", n.Name),
				"directory %s is a target of rule %s: people who reset keep their old password there until it would do", n.Name, strings.Join(names, ", "))
		case len(names) > 0:
			s.good("directory %s gets the new password too, by rule %s", n.Name, strings.Join(names, ", "))
		}
	}
}

// roomy is a reply_moment with room for look-ups of that length: four times, in full tenths of a
// second, and no more than the setting may be.
func roomy(d time.Duration) time.Duration {
	const step = 100 * time.Millisecond
	return min((4*d+step-1)/step*step, 5*time.Second)
}

// brief is a duration to two digits or so.
func brief(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "less than 1ms"
	case d < 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}
