/* Reviewing with keys, without leaving the page. Without this script the same form works with buttons and a reload. */
(() => {
  "use strict";

  const RENEW_MS = 120000;
  const KEYS_OFF = "tryon-review-keys-off";
  const DIGITS = "1234567890";

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => {
      if (value === true) {
        made.setAttribute(key, "");
      } else if (value !== false && value !== undefined) {
        made.setAttribute(key, value);
      }
    });
    made.append(...children);
    return made;
  }

  class Review {
    constructor(form) {
      this.form = form;
      this.text = form.dataset;
      this.grid = form.querySelector("[data-tr-grid]");
      this.cards = [...this.grid.querySelectorAll("[data-tr-card]")];
      this.status = form.querySelector("[data-tr-status]");
      this.keys = form.querySelector("[data-tr-keys]");
      this.words = document.querySelector('[data-tr-template="words"]').content;
      this.lastGroup = "";
      this.since = performance.now(); // how long the claims of this page are held, at the least
      this.panels = {};
      form.classList.add("tr-live");
      this.makePanels();
      this.makeViewer();
      this.makeHelp();
      this.makeToast();
      this.listen();
      this.countTicks();
    }

    word(name) {
      return this.words.querySelector(`[data-${name}]`).textContent;
    }

    /* ---- dialogs: the parts of the form that are asked for when they are needed */

    makePanels() {
      this.form.querySelectorAll("[data-tr-panel]").forEach((panel) => {
        const kind = panel.dataset.trPanel;
        const ok = element("button", { type: "button", class: "tryon-button tryon-primary" }, this.word(kind));
        const close = element("button", { type: "button", class: "tryon-button" }, this.word("close"));
        const label = (panel.querySelector("legend") || panel.querySelector("label")).textContent;
        const dialog = element("dialog", { class: "tr-dialog", "aria-label": label }, panel, element("p", { class: "tr-row" }, ok, close));
        this.form.append(dialog);
        const confirm = () => {
          if (kind === "reject" && !panel.querySelector(":checked")) {
            panel.querySelector("input").focus();
            return;
          }
          const { ids, then } = dialog.asked;
          const filled = new FormData(this.form);
          dialog.close();
          this.send(kind, ids, filled);
          then();
          panel.querySelectorAll("input").forEach((box) => { box.checked = false; });
          panel.querySelectorAll("textarea").forEach((area) => { area.value = ""; });
        };
        ok.addEventListener("click", confirm);
        close.addEventListener("click", () => dialog.close());
        dialog.addEventListener("keydown", (event) => this.panelKey(event, dialog, confirm));
        this.panels[kind] = dialog;
      });
    }

    panelKey(event, dialog, confirm) {
      const area = event.target.closest("textarea");
      if (event.key === "Enter" && (!area || event.ctrlKey || event.metaKey) && !event.target.closest("button")) {
        event.preventDefault();
        confirm();
      } else if (!area && DIGITS.includes(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey && this.keys.checked) {
        const box = dialog.querySelectorAll('input[name="reasons"]')[DIGITS.indexOf(event.key)];
        if (box) {
          event.preventDefault();
          box.checked = !box.checked;
          box.focus();
        }
      }
      event.stopPropagation();
    }

    ask(kind, ids, then = () => {}) {
      const dialog = this.panels[kind];
      if (!dialog || ids.length === 0) {
        return;
      }
      dialog.asked = { ids, then };
      const untold = dialog.querySelector("[data-tr-untold]");
      if (untold) {
        const button = this.card(ids[0]).querySelector('[data-tr-act="regenerate"]');
        untold.hidden = !button || button.dataset.told === "1";
        dialog.querySelector("[data-tr-price]").textContent = button ? button.dataset.price : "";
      }
      dialog.showModal();
      dialog.querySelector("input, textarea").focus();
    }

    makeHelp() {
      const close = element("button", { type: "button", class: "tryon-button" }, this.word("close"));
      const template = document.querySelector('[data-tr-template="help"]');
      this.help = element("dialog", { class: "tr-dialog", "aria-label": template.content.querySelector("h2").textContent }, document.importNode(template.content, true), close);
      close.addEventListener("click", () => this.help.close());
      this.help.addEventListener("keydown", (event) => event.stopPropagation());
      this.form.append(this.help);
    }

    makeViewer() {
      const button = (act, word, css = "") => element("button", { type: "button", class: `tryon-button ${css}`, "data-view": act }, word);
      this.viewTitle = element("h2");
      this.viewSource = element("img", { alt: "" });
      this.viewShot = element("img", { alt: "" });
      this.viewPlace = element("span", { class: "tr-quiet" });
      const shotWords = () => [`${this.word("shot")} `, element("span", { class: "tryon-badge" }, this.word("badge"))];
      const source = element("figure", {}, this.viewSource, element("figcaption", {}, this.word("source")));
      const shot = element("figure", {}, this.viewShot, element("figcaption", {}, ...shotWords()));
      this.beside = element("div", { class: "tr-beside" }, source, shot);
      this.makeOver(shotWords());
      const acts = element("p", { class: "tr-row" }, button("previous", this.word("previous")), button("next", this.word("next")));
      if (this.form.querySelector('[data-tr-act="approve"]')) {
        acts.append(button("approve", this.word("approve"), "tr-good"));
      }
      if (this.form.querySelector('[data-tr-act="reject"]')) {
        acts.append(button("reject", this.word("reject")));
      }
      if (this.panels.regenerate) {
        acts.append(button("regenerate", this.word("regenerate")));
      }
      this.overButton = button("compare", this.word("compare"));
      acts.append(this.overButton, button("close", this.word("close")));
      this.viewer = element("dialog", { class: "tr-viewer", "aria-labelledby": "tr-view-title" }, element("div", { class: "tr-row" }, this.viewTitle, this.viewPlace), this.beside, this.slider, acts);
      this.viewTitle.id = "tr-view-title";
      this.viewer.addEventListener("click", (event) => {
        const pressed = event.target.closest("[data-view]");
        if (pressed) {
          this.act(pressed.dataset.view);
        }
      });
      // by then the browser has put the focus back to where the view was opened
      this.viewer.addEventListener("close", () => this.focus(this.viewed));
      this.form.append(this.viewer);
    }

    /* Both as high as each other, however they are framed: the stage is as wide as the wider one. */
    makeOver(shotWords) {
      this.range = element("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": this.word("cut") });
      this.stage = element("div", { class: "tryon-stage" });
      const end = (value, ...words) => element("button", { type: "button", class: "tryon-button", "data-tryon-end": value }, ...words);
      const ends = element("div", { class: "tr-ends" }, end(100, this.word("source")), end(0, ...shotWords));
      this.slider = element("tryon-slider", { class: "tryon-slider tr-over", "data-value": this.word("share") }, element("div", {}, this.stage, this.range, ends));
      const measure = () => {
        const ratios = [this.viewSource, this.viewShot].map((picture) => picture.naturalWidth / picture.naturalHeight || 0);
        this.slider.style.setProperty("--ratio", Math.max(...ratios) || 0.75);
      };
      this.viewSource.addEventListener("load", measure);
      this.viewShot.addEventListener("load", measure);
    }

    /* Beside each other or over each other. The pictures themselves move, so that none is loaded twice. */
    arrange() {
      const [source, shot] = this.beside.children;
      const over = Boolean(this.over) && !source.hidden;
      if (over) {
        this.stage.append(this.viewSource, this.viewShot);
      } else {
        source.prepend(this.viewSource);
        shot.prepend(this.viewShot);
      }
      this.beside.hidden = over;
      this.slider.hidden = !over;
      this.overButton.hidden = source.hidden;
      this.overButton.setAttribute("aria-pressed", String(over));
    }

    compare() {
      if (this.viewer.open && !this.overButton.hidden) {
        this.over = !this.over;
        this.arrange();
        (this.over ? this.range : this.overButton).focus();
      }
    }

    /* Clips and sounds have no large view: their card has a link to them. */
    isPicture(card) {
      return Boolean(card.querySelector(".tr-open"));
    }

    show(card) {
      this.current = this.viewed = card;
      const [source, shot] = [card.querySelector("[data-tr-source]"), card.querySelector(".tr-open img")];
      this.viewTitle.textContent = card.querySelector("h3").textContent.trim();
      this.beside.firstChild.hidden = !source;
      if (source) {
        this.viewSource.src = source.src;
        this.viewSource.alt = source.alt;
      }
      this.viewShot.src = card.querySelector(".tr-open").href;
      this.viewShot.alt = shot.alt;
      this.viewPlace.textContent = this.text.textOf.replace("{n}", this.cards.indexOf(card) + 1).replace("{total}", this.cards.length);
      this.arrange();
      if (!this.viewer.open) {
        this.viewer.showModal();
      }
    }

    makeToast() {
      this.toastWords = element("span");
      this.toastUndo = element("button", { type: "button", class: "tryon-button" }, this.text.textUndo);
      this.toast = element("div", { class: "tr-toast", hidden: true }, this.toastWords, this.toastUndo);
      this.toastUndo.addEventListener("click", () => this.undo());
      document.body.append(this.toast);
    }

    say(words, group) {
      this.status.textContent = words;
      this.toastWords.textContent = words;
      this.toastUndo.hidden = !group;
      this.toast.hidden = false;
      window.clearTimeout(this.timer);
      const hide = () => {
        // nobody loses the button under their finger
        if (this.toast.matches(":hover, :focus-within")) {
          this.timer = window.setTimeout(hide, 1000);
        } else {
          this.toast.hidden = true;
        }
      };
      this.timer = window.setTimeout(hide, Number(this.text.undoSeconds) * 1000);
    }

    /* ---- what is sent */

    /* keepalive: a decision that is on its way arrives although the page is left */
    async post(data) {
      this.busy(1);
      data.set("csrfmiddlewaretoken", this.form.querySelector('[name="csrfmiddlewaretoken"]').value);
      try {
        const answer = await fetch(this.form.action, { method: "POST", body: data, credentials: "same-origin", headers: { Accept: "application/json" }, redirect: "error", keepalive: true });
        return await answer.json();
      } catch {
        return { ok: false, words: this.text.textOffline, done: [], lost: [], group: "" };
      } finally {
        this.busy(-1);
      }
    }

    busy(more) {
      this.sending = (this.sending || 0) + more;
      this.form.setAttribute("aria-busy", String(this.sending > 0));
    }

    /* The cards change at once, so that nobody waits for the server; what it refuses is changed back. */
    async send(act, ids, from = null) {
      const state = { approve: "approved", reject: "rejected", regenerate: "again" }[act];
      ids.forEach((id) => this.mark(this.card(id), state));
      this.countTicks();
      const data = new FormData();
      data.set("act", act);
      ids.forEach((id) => data.append("outputs", id));
      if (from) {
        from.getAll("reasons").forEach((reason) => data.append("reasons", reason));
        data.set("note", from.get("note") || "");
      }
      const turn = (this.turns = (this.turns || 0) + 1);
      const sent = (this.lastSent = Promise.all([this.post(data), this.lastSent]));
      const [answer] = await sent;
      ids.filter((id) => !answer.done.includes(id)).forEach((id) => this.mark(this.card(id), ""));
      answer.lost.forEach((id) => this.mark(this.card(id), "lost"));
      if (turn === this.turns) { // one that can't be taken back leaves nothing to undo: not the one before it
        this.lastGroup = answer.group;
        this.lastDone = answer.done;
      }
      const open = this.cards.some((card) => !this.isDecided(card));
      this.say(open ? answer.words : `${answer.words} ${this.text.textDone}`, answer.group);
      return answer;
    }

    /* The last decision that was made, not the last answer that came: answers may overtake each other. */
    async undo() {
      await this.lastSent;
      if (!this.lastGroup) {
        return;
      }
      const data = new FormData();
      data.set("act", "undo");
      data.set("group", this.lastGroup);
      const answer = await this.post(data);
      if (answer.ok) {
        this.lastDone.forEach((id) => this.mark(this.card(id), ""));
        this.focus(this.card(this.lastDone[0]));
      }
      this.lastGroup = "";
      this.say(answer.words, "");
    }

    renew() {
      const open = this.cards.filter((card) => !this.isDecided(card));
      if (!document.hidden && open.length && this.text.tab === "to_review") {
        const data = new FormData();
        data.set("act", "renew");
        open.forEach((card) => data.append("outputs", card.dataset.trCard));
        const now = performance.now();
        this.post(data).then(() => { this.since = now; });
      }
    }

    /* Whoever leaves lets others have what is open. What the next page has claimed meanwhile is younger than this one. */
    leave() {
      const open = this.cards.filter((card) => !this.isDecided(card));
      if (open.length && this.text.tab === "to_review") {
        const data = new FormData();
        data.set("act", "release");
        data.set("held", ((performance.now() - this.since) / 1000).toFixed(3));
        open.forEach((card) => data.append("outputs", card.dataset.trCard));
        this.post(data);
      }
    }

    /* ---- the cards */

    card(id) {
      return this.cards.find((card) => card.dataset.trCard === id);
    }

    isDecided(card) {
      return Boolean(card.dataset.decided);
    }

    mark(card, state) {
      if (!card) {
        return;
      }
      const words = { approved: this.text.textApproved, rejected: this.text.textRejected, again: this.text.textAgain, lost: this.text.textLost };
      card.dataset.decided = state;
      card.querySelector("[data-tr-outcome]").textContent = words[state] || "";
      card.querySelector('[name="outputs"]').checked = false;
      card.querySelectorAll("[data-tr-act]").forEach((button) => { button.disabled = Boolean(state); });
      card.querySelector('[name="outputs"]').disabled = Boolean(state);
    }

    focus(card) {
      if (!card) {
        return;
      }
      this.cards.forEach((other) => { other.tabIndex = other === card ? 0 : -1; });
      this.current = card;
      card.focus();
      card.scrollIntoView({ block: "nearest" });
    }

    /* What can be gone to: in the large view only what it can show. */
    reachable() {
      return this.viewer.open ? this.cards.filter((card) => this.isPicture(card)) : this.cards;
    }

    step(by) {
      const cards = this.reachable();
      const at = Math.max(0, cards.indexOf(this.current)) + by;
      return cards[Math.min(cards.length - 1, Math.max(0, at))];
    }

    nextOpen() {
      const cards = this.reachable();
      const from = cards.indexOf(this.current);
      const order = [...cards.slice(from + 1), ...cards.slice(0, from)];
      return order.find((card) => !this.isDecided(card)) || this.step(1);
    }

    go(card) {
      if (this.viewer.open) {
        this.show(card);
      } else {
        this.focus(card);
      }
    }

    /* ---- acts, by button and by key */

    act(name) {
      const card = this.current;
      const ids = [card.dataset.trCard];
      const next = () => this.go(this.nextOpen());
      const possible = card.querySelector(`[data-tr-act="${name}"]`);
      if (name === "next" || name === "previous") {
        this.go(this.step(name === "next" ? 1 : -1));
      } else if (name === "compare") {
        this.compare();
      } else if (name === "close") {
        this.viewer.close();
      } else if (possible && !possible.disabled) {
        if (name === "approve") {
          this.send("approve", ids);
          next();
        } else {
          this.ask(name, ids, next);
        }
      }
    }

    onKey(event) {
      const typing = event.target.closest("textarea, select, input:not([type=checkbox], [type=range])");
      if (!this.keys.checked || typing || event.ctrlKey || event.metaKey || event.altKey) {
        return;
      }
      const card = event.target.closest("[data-tr-card]");
      if (card) {
        this.current = card;
      }
      const acts = {
        j: () => this.go(this.step(1)),
        k: () => this.go(this.step(-1)),
        a: () => this.act("approve"),
        r: () => this.act("reject"),
        g: () => this.act("regenerate"),
        x: () => this.tick(),
        u: () => this.undo(),
        c: () => this.compare(),
        "?": () => this.help.showModal(),
      };
      if (event.key === "Enter" && event.target === card && this.isPicture(card)) {
        acts.Enter = () => this.show(card);
      }
      if (acts[event.key]) {
        event.preventDefault();
        acts[event.key]();
      }
    }

    tick() {
      const box = this.current.querySelector('[name="outputs"]');
      if (!box.disabled) {
        box.checked = !box.checked;
        this.countTicks();
      }
    }

    ticked() {
      return this.cards.filter((card) => card.querySelector('[name="outputs"]').checked).map((card) => card.dataset.trCard);
    }

    countTicks() {
      const number = this.ticked().length;
      this.form.querySelector("[data-tr-ticked]").textContent = this.text.textTicked.replace("{n}", number);
      this.form.querySelectorAll("[data-tr-bulk], [data-tr-publish]").forEach((button) => { button.disabled = number === 0; });
    }

    listen() {
      this.grid.addEventListener("keydown", (event) => this.onKey(event));
      this.viewer.addEventListener("keydown", (event) => this.onKey(event));
      this.grid.addEventListener("focusin", (event) => {
        this.current = event.target.closest("[data-tr-card]") || this.current;
      });
      this.grid.addEventListener("click", (event) => {
        const card = event.target.closest("[data-tr-card]");
        const button = event.target.closest("[data-tr-act]");
        const open = event.target.closest("[data-tr-open]");
        if (card) {
          this.current = card;
        }
        if (button || (open && !event.ctrlKey && !event.metaKey && !event.shiftKey)) {
          event.preventDefault();
          if (button) {
            this.act(button.dataset.trAct);
          } else {
            this.show(card);
          }
        }
      });
      this.form.addEventListener("change", () => this.countTicks());
      this.form.querySelectorAll("[data-tr-bulk]").forEach((button) => {
        button.addEventListener("click", (event) => {
          event.preventDefault();
          if (button.dataset.trBulk === "approve") {
            this.send("approve", this.ticked());
          } else {
            this.ask("reject", this.ticked());
          }
        });
      });
      this.form.querySelector("[data-tr-tick-all]").addEventListener("click", () => {
        const boxes = this.cards.map((card) => card.querySelector('[name="outputs"]')).filter((box) => !box.disabled);
        const all = boxes.every((box) => box.checked);
        boxes.forEach((box) => { box.checked = !all; });
        this.countTicks();
      });
      this.form.querySelector("[data-tr-help]").addEventListener("click", () => this.help.showModal());
      this.keys.checked = !window.localStorage.getItem(KEYS_OFF);
      this.keys.addEventListener("change", () => {
        if (this.keys.checked) {
          window.localStorage.removeItem(KEYS_OFF);
        } else {
          window.localStorage.setItem(KEYS_OFF, "1");
        }
      });
      window.setInterval(() => this.renew(), RENEW_MS);
      window.addEventListener("pagehide", () => this.leave());
      this.current = this.cards[0];
    }
  }

  function start() {
    document.querySelectorAll("[data-tr-review]").forEach((form) => {
      if (form.querySelector("[data-tr-card]")) {
        new Review(form);
      }
    });
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
