"use strict";
// Shows one section of the page at a time, and sends its forms. The words are all in the page.
// The secret of the link is in the fragment, so that it reached no server; it is sent by a click
// alone, since some mail programs open links by themselves.
(() => {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  const FAILURES = { 403: "suspended", 409: "taken", 410: "invalid" };

  function show(state) {
    for (const section of document.querySelectorAll("section[data-state]")) {
      section.hidden = section.dataset.state !== state;
    }
    const heading = document.querySelector("section:not([hidden]) h1");
    document.title = heading.textContent.trim() + " – " + document.body.dataset.product;
    heading.focus();
  }

  function tell(form, problem) {
    form.querySelector(".problem").hidden = !problem;
  }

  function showBroken(form, messages) {
    const rules = form.querySelector(".rules");
    for (const other of rules.querySelectorAll(".unforeseen")) other.remove();
    for (const rule of rules.children) rule.classList.toggle("broken", messages.includes(rule.dataset.rule));
    const known = Array.from(rules.children, (rule) => rule.dataset.rule);
    for (const message of messages.filter((one) => !known.includes(one))) {
      const rule = document.createElement("li");
      rule.className = "broken unforeseen";
      rule.textContent = message;
      rules.append(rule);
    }
    const input = form.querySelector("input");
    input.setAttribute("aria-invalid", String(messages.length > 0));
    if (messages.length) input.focus();
  }

  async function call(form) {
    const fields = Object.fromEntries(new FormData(form));
    if ("token" in form.dataset) fields.token = token;
    return fetch(form.dataset.call, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(fields),
      credentials: "omit",
    });
  }

  async function send(form) {
    tell(form, false);
    const answer = await call(form);
    if (answer.ok) {
      if ("token" in form.dataset) history.replaceState(null, "", location.pathname);
      return show(form.dataset.then);
    }
    if (answer.status === 422 && form.querySelector(".rules")) {
      const problem = await answer.json();
      return showBroken(form, problem.errors.map((error) => error.message));
    }
    const state = "token" in form.dataset ? FAILURES[answer.status] : undefined;
    if (document.querySelector(`section[data-state="${state}"]`)) return show(state);
    return tell(form, true);
  }

  for (const form of document.querySelectorAll("form")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button.main");
      button.disabled = true;
      try {
        await send(form);
      } catch (error) {
        console.error(error);
        tell(form, true);
      } finally {
        button.disabled = false;
      }
    });
  }

  for (const button of document.querySelectorAll("button[data-reveals]")) {
    button.addEventListener("click", () => {
      const input = document.getElementById(button.dataset.reveals);
      const hidden = input.type === "password";
      input.type = hidden ? "text" : "password";
      button.textContent = hidden ? button.dataset.hide : button.dataset.show;
    });
  }

  addEventListener("hashchange", () => location.reload());
  show(token ? "ready" : "invalid");
})();
