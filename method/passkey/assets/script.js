// Asks the browser for a passkey when the form around [data-passkey] is submitted, and submits the
// answer in its hidden field. The options stand in the form's data-public, and what is said to
// people in data attributes.
"use strict";
(() => {
  const part = document.querySelector("[data-passkey]");
  const form = part && part.closest("form");
  if (!form) return;
  const field = part.querySelector('input[name="credential"]');
  const alert = part.querySelector('[role="alert"]');

  const say = (text) => {
    alert.textContent = text;
    alert.hidden = text === "";
  };

  const decode = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const encode = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  // For browsers without parse…FromJSON: binary members are base64url in JSON.
  const binary = (options) => {
    const out = { ...options, challenge: decode(options.challenge) };
    if (options.user) out.user = { ...options.user, id: decode(options.user.id) };
    for (const list of ["allowCredentials", "excludeCredentials"]) {
      if (options[list]) out[list] = options[list].map((c) => ({ ...c, id: decode(c.id) }));
    }
    return out;
  };

  const textual = (credential) => {
    if (credential.toJSON) return credential.toJSON();
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) response[name] = encode(credential.response[name]);
    }
    return {
      id: credential.id, rawId: encode(credential.rawId), type: credential.type, response,
      clientExtensionResults: credential.getClientExtensionResults(),
    };
  };

  const obtain = (kind, options) => {
    const kit = window.PublicKeyCredential;
    if (kind === "create") {
      const publicKey = kit.parseCreationOptionsFromJSON ? kit.parseCreationOptionsFromJSON(options) : binary(options);
      return navigator.credentials.create({ publicKey });
    }
    const publicKey = kit.parseRequestOptionsFromJSON ? kit.parseRequestOptionsFromJSON(options) : binary(options);
    return navigator.credentials.get({ publicKey });
  };

  let busy = false;
  form.addEventListener("submit", async (event) => {
    // A button with a name of its own (go back, ask again) is none of ours.
    if (event.submitter && (event.submitter.name || event.submitter.formNoValidate)) return;
    event.preventDefault();
    if (busy) return;
    if (!window.PublicKeyCredential || !navigator.credentials) {
      say(part.dataset.unsupported);
      return;
    }
    busy = true;
    say("");
    try {
      const credential = await obtain(part.dataset.passkey, JSON.parse(form.dataset.public));
      field.value = JSON.stringify(textual(credential));
      form.submit();
    } catch {
      say(part.dataset.cancelled);
    } finally {
      busy = false;
    }
  });
})();
