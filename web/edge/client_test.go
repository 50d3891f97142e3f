package edge

import (
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"
)

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ffff::/48")}

func TestClient(t *testing.T) {
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"no proxy", "203.0.113.5:4000", nil, "203.0.113.5"},
		{"a stranger's header", "203.0.113.5:4000", []string{"198.51.100.1"}, "203.0.113.5"},
		{"one proxy", "10.0.0.1:4000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"made-up entries before the proxy's", "10.0.0.1:4000", []string{"192.0.2.66, 127.0.0.1, 198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "10.0.0.1:4000", []string{"192.0.2.66, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"two header lines are one list", "10.0.0.1:4000", []string{"192.0.2.66", "198.51.100.1 ,10.0.0.2"}, "198.51.100.1"},
		{"proxies alone", "10.0.0.1:4000", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"nothing from the proxy", "10.0.0.1:4000", nil, "10.0.0.1"},
		{"garbage from the proxy", "10.0.0.1:4000", []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		{"empty entry", "10.0.0.1:4000", []string{"198.51.100.1,"}, "10.0.0.1"},
		{"with ports", "10.0.0.1:4000", []string{"198.51.100.1:5555"}, "198.51.100.1"},
		{"IPv6 in brackets", "[2001:db8:ffff::1]:4000", []string{"[2001:db8::7]:5555, [2001:db8:ffff::2]"}, "2001:db8::7"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:4000", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"zone", "[fe80::1%eth0]:4000", nil, "fe80::1"},
		{"zone from a proxy", "10.0.0.1:4000", []string{"fe80::9%eth0"}, "fe80::9"},
		{"no address at all", "@", []string{"198.51.100.1"}, "invalid IP"},
		{"more hops than are believed", "10.0.0.1:4000", []string{"198.51.100.1" + strings.Repeat(", 10.0.0.2", maxHops)}, "10.0.0.2"},
	} {
		if got := client(c.remote, c.forwarded, proxies).String(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// FuzzClient: what a stranger writes to the left of an honest proxy's entry changes nothing, and
// without a trusted peer nothing does.
func FuzzClient(f *testing.F) {
	f.Add("198.51.100.1, ")
	f.Add("10.0.0.1,10.0.0.2")
	f.Add("::1%a,[")
	f.Fuzz(func(t *testing.T, written string) {
		if got := client("203.0.113.5:1", []string{written}, proxies); got.String() != "203.0.113.5" {
			t.Errorf("%q from a stranger: got %s", written, got)
		}
		if got := client("10.0.0.1:1", []string{written + ",198.51.100.1,10.0.0.2"}, proxies); got.String() != "198.51.100.1" {
			t.Errorf("%q before the proxies' entries: got %s", written, got)
		}
		if got := client("10.0.0.1:1", []string{written}, proxies); !got.IsValid() || got.Is4In6() || got.Zone() != "" {
			t.Errorf("%q: got %s", written, got)
		}
	})
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{"198.51.100.77": "198.51.100.0/24", "2001:db8:1:2:3::4": "2001:db8:1::/48"} {
		if got := network(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if got := network(netip.Addr{}); got != "unknown" {
		t.Errorf("no address: got %s", got)
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{"Mozilla/5.0 (ü)": "Mozilla/5.0 (ü)", "a\r\nb\x00\x7f\u0085c\xff": "abc",
		strings.Repeat("a", 9) + "ü": strings.Repeat("a", 9)} {
		if got := plain(in, 10); len(in) <= 10 && got != want || len(got) > 10 || !utf8.ValidString(got) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
