// Package passkey proves who one is by a passkey: a key that only this site can use, unlocked by
// its owner's finger, face or PIN (Web Authentication Level 3).
//
// It asks for no attestation and keeps no list of makers: which device somebody uses is their own
// affair. It guards what section 7 of the standard asks of a relying party: challenge, origin,
// relying party, presence and verification of the person, signature, the owner of the key, and a
// signature counter that never goes back. What names nobody costs the same: an answer for which
// there is no key is verified against a key that nobody holds.
package passkey

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"embed"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"postern/method"
	"postern/policy"
)

// ceremony is how long the browser and we wait: WebAuthn Level 3 section 15.1.
const ceremony = 5 * time.Minute

//go:embed assets
var files embed.FS

// Kind is the method.
var Kind = method.Kind{
	ID: "passkey",
	Traits: policy.Traits{
		Strength: policy.PhishingResistant,
		Holdings: []policy.Holding{policy.Key},
		Verifies: true,
		Enrolled: true,
	},
	Open:     open,
	Settings: func() any { s := defaults(); return &s },
	Assets:   assets(),
}

func assets() fs.FS {
	sub, err := fs.Sub(files, "assets")
	if err != nil {
		panic(err) // the path is a constant
	}
	return sub
}

// Settings are the method's own.
type Settings struct {
	DiscoverableOnly bool `yaml:"discoverable_only" doc:"Only passkeys that the device itself can find: nobody can tell from the page who has one. Set it to false for older security keys; everybody is then sent a list of keys, made up where there are none, whose lengths may still tell a real key from a made-up one."`
}

func defaults() Settings { return Settings{DiscoverableOnly: true} }

// Method is the opened method.
type Method struct {
	settings Settings
	env      method.Env
	party    *webauthn.WebAuthn
	standIn  []byte // a COSE public key whose private half was thrown away
}

func open(decode func(any) error, env method.Env) (method.Method, error) {
	s := defaults()
	if err := decode(&s); err != nil {
		return nil, err
	}
	site, err := url.Parse(env.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("passkey: public_url: %w", err)
	}
	local := site.Hostname() == "localhost"
	if site.Scheme != "https" && !(site.Scheme == "http" && local) {
		return nil, fmt.Errorf("passkey: public_url is %q: browsers make passkeys for https addresses only (and for http://localhost)", env.PublicURL)
	}
	if err := protocol.ValidateRPID(site.Hostname()); err != nil {
		return nil, fmt.Errorf("passkey: public_url is %q: browsers make passkeys for host names only, not for addresses: %w", env.PublicURL, err)
	}
	party, err := webauthn.New(config(s, env, site))
	if err != nil {
		return nil, fmt.Errorf("passkey: %w", err)
	}
	standIn, err := nobodysKey()
	if err != nil {
		return nil, err
	}
	return &Method{settings: s, env: env, party: party, standIn: standIn}, nil
}

func config(s Settings, env method.Env, site *url.URL) *webauthn.Config {
	name := env.Organisation
	if name == "" {
		name = site.Hostname()
	}
	resident := protocol.ResidentKeyRequirementPreferred
	if s.DiscoverableOnly {
		resident = protocol.ResidentKeyRequirementRequired
	}
	wait := webauthn.TimeoutConfig{Timeout: ceremony, TimeoutUVD: ceremony} // enforced by us, with the caller's clock
	return &webauthn.Config{
		RPID: site.Hostname(), RPDisplayName: name,
		RPOrigins:             []string{site.Scheme + "://" + site.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: resident, RequireResidentKey: &s.DiscoverableOnly,
			UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: wait, Registration: wait},
		// No extension is asked for and no output is read, so what a browser adds does not matter.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	}
}

// nobodysKey makes a key pair and keeps the public half only.
func nobodysKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("passkey: making the stand-in key: %w", err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("passkey: making the stand-in key: %w", err)
	}
	out, err := webauthncbor.Marshal(webauthncose.EC2PublicKeyData{
		PublicKeyData: webauthncose.PublicKeyData{
			KeyType: int64(webauthncose.EllipticKey), Algorithm: int64(webauthncose.AlgES256),
		},
		Curve: int64(webauthncose.P256), XCoord: point[1:33], YCoord: point[33:65],
	})
	if err != nil {
		return nil, fmt.Errorf("passkey: writing the stand-in key: %w", err)
	}
	return out, nil
}
