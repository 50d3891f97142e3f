package api

import (
	"encoding/json"
	"net/http"

	"postern/app"
	"postern/method"
	"postern/policy"
	"postern/secret"
	"postern/web/edge"
)

// begin starts a recovery for whoever was named, or a decoy.
func (f *face) begin(w http.ResponseWriter, r *http.Request) error {
	identifier, want := "", string(policy.Reset)
	if err := edge.ReadJSON(r, edge.Members{"identifier": &identifier}, edge.Members{"action": &want}); err != nil {
		return err
	}
	switch {
	case identifier == "":
		return edge.Refuse(edge.ProblemRequest, "the identifier is empty")
	case want != string(policy.Reset) && want != string(policy.Unlock):
		return edge.Refuse(edge.ProblemRequest, "the action is neither reset nor unlock")
	}
	started, err := f.app.Begin(r.Context(), edge.VisitorOf(r), identifier, policy.Action(want))
	if err != nil {
		return err
	}
	return f.begun(w, r, started)
}

// look shows the recovery as it is.
func (f *face) look(w http.ResponseWriter, r *http.Request) error {
	flow, err := f.app.Look(r.Context(), edge.VisitorOf(r), edge.Token(r))
	if err != nil {
		return err
	}
	return f.write(w, r, flow)
}

// challenge poses one method's question.
func (f *face) challenge(w http.ResponseWriter, r *http.Request) error {
	var id string
	if err := edge.ReadJSON(r, edge.Members{"method": &id}, nil); err != nil {
		return err
	}
	flow, err := f.app.Ask(r.Context(), edge.VisitorOf(r), edge.Token(r), id)
	if err != nil {
		return err
	}
	return f.write(w, r, flow)
}

// answer hands in a code or a credential, exactly one of them.
func (f *face) answer(w http.ResponseWriter, r *http.Request) error {
	var id string
	var code secret.Text
	var credential json.RawMessage
	err := edge.ReadJSON(r, edge.Members{"method": &id}, edge.Members{"code": &code, "credential": &credential})
	if err != nil {
		return err
	}
	if code.Empty() == (credential == nil) {
		return edge.Refuse(app.ProblemMalformed, "an answer is either a code or a credential")
	}
	flow, err := f.app.Answer(r.Context(), edge.VisitorOf(r), edge.Token(r), id, method.Answer{Code: code, Credential: credential})
	if err != nil {
		return err
	}
	return f.write(w, r, flow)
}

// password spends the grant on a new password.
func (f *face) password(w http.ResponseWriter, r *http.Request) error {
	var to secret.Text
	if err := edge.ReadJSON(r, edge.Members{"password": &to}, nil); err != nil {
		return err
	}
	flow, err := f.app.SetPassword(r.Context(), edge.VisitorOf(r), edge.Token(r), to)
	if err != nil {
		return err
	}
	return f.write(w, r, flow)
}

// unlock spends the grant on ending a lock-out.
func (f *face) unlock(w http.ResponseWriter, r *http.Request) error {
	if err := edge.ReadJSON(r, nil, nil); err != nil {
		return err
	}
	flow, err := f.app.Unlock(r.Context(), edge.VisitorOf(r), edge.Token(r))
	if err != nil {
		return err
	}
	return f.write(w, r, flow)
}

// abandon gives up.
func (f *face) abandon(w http.ResponseWriter, r *http.Request) error {
	if err := edge.ReadJSON(r, nil, nil); err != nil {
		return err
	}
	if err := f.app.Abandon(r.Context(), edge.VisitorOf(r), edge.Token(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// change sets a new password for somebody who knows the current one.
func (f *face) change(w http.ResponseWriter, r *http.Request) error {
	var in app.ChangeRequest
	err := edge.ReadJSON(r, edge.Members{"identifier": &in.Identifier, "old_password": &in.Old, "new_password": &in.New}, nil)
	if err != nil {
		return err
	}
	if in.Identifier == "" || in.Old.Empty() {
		return edge.Refuse(edge.ProblemRequest, "the identifier or the current password is empty")
	}
	flow, err := f.app.ChangePassword(r.Context(), edge.VisitorOf(r), in)
	if err != nil {
		return err
	}
	return f.write(w, r, flow)
}
