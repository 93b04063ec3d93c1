/**
 * <tryon-widget>: the try-on button of a product page and its dialog. The server renders every word and address; this
 * module moves them and talks to the REST API. Nothing is requested before the first click, unless a preview is being
 * made. widget-more.js comes with the dialog, widget-face.js when a face is hidden. Events: docs/widget.md.
 */

const FINAL = ["succeeded", "failed", "blocked", "canceled"];
const GONE = [401, 404, 410];
const GIVE_UP = 10 * 60 * 1000;
const DAY = 24 * 60 * 60 * 1000;
const STEPS = { open: "opened", photo: "photo", "add-to-cart": "bag" }; // counted, without a word about whom
const NIL = "00000000-0000-0000-0000-000000000000";

/** A refusal: a code of the error table, and the server's words if it gave any. */
class Problem extends Error {
  constructor(code, words = "", status = 0, retryAfter = 0) {
    super(code);
    Object.assign(this, { code, words, status, retryAfter });
  }
}

const aborted = () => new DOMException("stopped", "AbortError");

/** What `begin` resolves, unless it is no longer wanted. */
const until = (signal, begin) =>
  new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(aborted()), { once: true });
    begin(resolve);
  });
const sleep = (ms, signal) => until(signal, (done) => setTimeout(done, ms));
const seen = (signal) =>
  document.hidden &&
  until(signal, (done) => document.addEventListener("visibilitychange", done, { once: true, signal }));

/** The try-on that openers tell about, on every product page and after a reload: an id and no more. */
function recall() {
  try {
    const kept = JSON.parse(localStorage.getItem("tryon"));
    if (Date.now() - kept.began < DAY) return kept;
  } catch {} // nothing there, or the browser doesn't let us
  return {};
}

function keep(value) {
  try {
    localStorage.setItem("tryon", JSON.stringify(value));
  } catch {}
}

/** fetch, with network faults and error answers as Problem. */
async function call(url, { headers = {}, ...options } = {}) {
  let response;
  try {
    response = await fetch(url, { cache: "no-store", headers: { Accept: "application/json", ...headers }, ...options });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Problem("network");
  }
  if (response.ok || response.status === 304) return response;
  const { code, detail } = await response.json().catch(() => ({}));
  const wait = Number(response.headers.get("Retry-After"));
  throw new Problem(code ?? (response.status === 404 ? "not_found" : "server_error"), detail, response.status, wait);
}

/** POST a form and tell how much of it is sent; fetch can't. */
function upload(url, data, headers, signal, sent) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", url);
    xhr.responseType = "json";
    for (const name in headers) xhr.setRequestHeader(name, headers[name]);
    xhr.upload.onprogress = (event) => event.lengthComputable && sent(event.loaded / event.total);
    xhr.onload = () => {
      const { code = "server_error", detail } = xhr.response ?? {};
      xhr.status < 300 ? resolve(xhr.response) : reject(new Problem(code, detail, xhr.status));
    };
    xhr.onerror = () => reject(new Problem("network"));
    xhr.onabort = () => reject(aborted());
    signal.addEventListener("abort", () => xhr.abort(), { once: true });
    xhr.send(data);
  });
}

/** Ask about a try-on until it is over; `show` gets every answer but the last, which is given back. */
async function watch(url, signal, show) {
  const end = Date.now() + GIVE_UP;
  let tag = "";
  let wait = 1;
  for (let first = true; Date.now() < end; first = false) {
    await sleep(1000 * wait * (first ? 1 : 1 + Math.random() / 2), signal);
    await seen(signal);
    try {
      const response = await call(url, { signal, headers: tag ? { "If-None-Match": tag } : {} });
      wait = Number(response.headers.get("Retry-After")) || 2;
      if (response.status === 304) continue;
      tag = response.headers.get("ETag") ?? "";
      const job = await response.json();
      if (FINAL.includes(job.status)) return job;
      show(job);
    } catch (error) {
      if (error.name === "AbortError" || GONE.includes(error.status)) throw error;
      wait = Math.max(5, error.retryAfter || 0);
    }
  }
  throw new Problem("timed_out");
}

const PHOTO_CODES = /image|photo|resolution|aspect|processing|file_size/;
const DOUBTS = /^photo_(dark|blurry)$/;

/** Stage, bar, seconds. On the preview page it also watches, and loads the page again at the end. */
class TryOnProgress extends HTMLElement {
  connectedCallback() {
    this.stage = this.querySelector("[data-tryon-stage]");
    this.bar = this.querySelector("progress");
    const { url, waited, usual } = this.dataset;
    if (!url) return;
    this.start(Date.now() - 1000 * waited, Number(usual));
    this.stopper = new AbortController();
    const reload = (error) => error?.name === "AbortError" || location.reload();
    watch(url, this.stopper.signal, (job) => this.update(job)).then(() => reload(), reload);
  }

  disconnectedCallback() {
    this.stop();
    this.stopper?.abort();
  }

  /** `usual`: the seconds it takes as a rule, where they are known from the start. */
  start(began = Date.now(), usual = 0) {
    this.stop();
    Object.assign(this, { began, share: 0, total: usual, usual, late: false, now: "" });
    this.bar.value = 0.02;
    this.timer = setInterval(() => this.tick(), 500);
    this.tick();
  }

  stop() { clearInterval(this.timer); }

  update({ stage, progress, eta_seconds: eta, queue_position: ahead, sent }) {
    this.share = Math.max(this.share, sent / 10 || progress || 0);
    if (eta) this.total = (Date.now() - this.began) / 1000 + eta;
    this.usual ||= this.total;
    this.say(stage);
    const more = sent ? `${Math.round(100 * sent)}%` : ahead ? this.dataset.ahead.replace("{n}", ahead) : "";
    this.querySelector("[data-tryon-ahead]").textContent = more;
    this.tick();
  }

  /** Stage names are announced when they change, never every second. */
  say(stage) {
    this.now = stage || this.now;
    const words = this.dataset[this.late ? "late" : this.now];
    if (words && this.stage.textContent !== words) this.stage.textContent = words;
  }

  tick() {
    const elapsed = (Date.now() - this.began) / 1000;
    const value = Math.max(this.share, this.total ? elapsed / this.total : 0);
    this.bar.value = Math.min(0.95, Math.max(value, this.bar.value)); // a new estimate never takes it back
    this.querySelector("[data-tryon-elapsed]").textContent = this.dataset.seconds.replace("{n}", Math.floor(elapsed));
    this.late = this.usual && elapsed > 1.5 * this.usual;
    if (this.late) this.say();
  }
}

/** The photo over the preview. */
class TryOnCompare extends HTMLElement {
  connectedCallback() {
    const range = this.querySelector("input");
    if (!range) return;
    const ends = this.querySelectorAll("[data-tryon-end]");
    const set = (value) => {
      range.value = value;
      this.style.setProperty("--tryon-split", `${value}%`);
      range.setAttribute("aria-valuetext", this.dataset.value.replace("{n}", 100 - value));
      for (const end of ends) end.setAttribute("aria-pressed", String(Number(end.dataset.tryonEnd) === value));
    };
    range.oninput = () => set(Number(range.value));
    for (const end of ends) end.onclick = () => set(Number(end.dataset.tryonEnd));
    for (const part of this.querySelectorAll("[data-tryon-needs-js]")) part.hidden = false;
    set(0);
  }
}

class TryOnWidget extends HTMLElement {
  remembered = {};

  connectedCallback() {
    if (!this.opener) this.upgrade();
    const kept = recall();
    const all = [...document.querySelectorAll("tryon-widget")];
    const home = all.find((one) => one.dataset.product === kept.product);
    // news of another product's preview is told once, by the first button of the page
    if (!kept.tryon || this !== (home ?? (kept.seen ? null : all[0]))) return;
    this.remembered = kept;
    this.resume(kept);
  }

  /** News only of what is still there and still theirs: others may use this browser now. */
  async resume({ tryon, state }) {
    try {
      await call(`${this.dataset.tryons}${tryon}/`);
      if (this.watching) return; // the dialog was quicker
      state === "busy" ? this.follow(tryon) : state === "ready" && this.label(this.dataset.ready, "");
    } catch ({ status }) {
      if (GONE.includes(status)) this.forget();
    }
  }

  disconnectedCallback() { this.watching?.abort(); }

  upgrade() {
    const link = this.querySelector("a");
    if (!link) return;
    Object.assign(this, { page: link.href, variant: this.dataset.variant });
    this.opener = Object.assign(document.createElement("button"), { type: "button", className: link.className });
    this.opener.setAttribute("aria-haspopup", "dialog");
    this.opener.append(...link.childNodes);
    link.replaceWith(this.opener);
    this.words = this.querySelector("[data-tryon-label]").textContent;
    this.opener.onclick = () => this.open();
  }

  emit(name, code = "", options = {}) {
    const detail = { product: this.dataset.product, tryon: this.remembered.tryon ?? "", code };
    const step = STEPS[name];
    const count = { method: "POST", keepalive: true, headers: { "X-CSRFToken": this.csrf }, body: new URLSearchParams({ step }) };
    if (step) fetch(this.form.dataset.count, count).catch(() => {});
    return this.dispatchEvent(new CustomEvent(`tryon:${name}`, { bubbles: true, detail, ...options }));
  }

  remember(value) { keep((this.remembered = value)); }

  label(words, news = words) {
    this.querySelector("[data-tryon-label]").textContent = words || this.words;
    this.querySelector("[data-tryon-news]").textContent = this.dialog?.open ? "" : news;
    this.opener.toggleAttribute("data-working", words === this.dataset.busy);
  }

  async open() {
    if (this.opener.hasAttribute("aria-busy")) return;
    this.opener.setAttribute("aria-busy", "true");
    if (this.former) this.label(this.former, (this.former = ""));
    try {
      if (!this.dialog) await this.load();
      const { state, tryon } = this.remembered;
      if (/ready|failed/.test(state) && !this.$("[data-tryon-outcome]")) await this.outcome();
      if (state === "busy" && !this.watching) {
        this.follow(tryon); // it took too long the last time
        this.wait();
      }
      this.dialog.showModal();
      this.emit("open");
    } catch ({ code }) {
      // the page does the same job; without a connection it could not be reached either
      if (code !== "network") return location.assign(this.page);
      this.former = this.querySelector("[data-tryon-label]").textContent;
      this.label(this.dataset.offline);
    } finally {
      this.opener.removeAttribute("aria-busy");
    }
  }

  $(selector) { return this.dialog?.querySelector(selector); }

  async fragment(url) {
    const html = await (await call(url, { headers: { Accept: "text/html" } })).text();
    return new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
  }

  /** Fetch the dialog, also to have it fresh; a chosen photo stays chosen. */
  async load() {
    const fresh = await this.fragment(this.dataset.dialog);
    if (this.dialog) {
      this.dialog.replaceChildren(...fresh.childNodes);
      this.dialog.setAttribute("aria-labelledby", fresh.getAttribute("aria-labelledby"));
    } else {
      this.dialog = fresh;
      // inside a form of the shop our own form would be a form in a form
      (this.closest("form") ? document.body : this).append(fresh);
      this.listen();
    }
    this.form = this.$(".tryon-form");
    this.form.noValidate = true;
    this.progress = this.$("tryon-progress");
    this.csrf = this.form.elements.csrfmiddlewaretoken.value;
    this.showPhoto();
    if (this.watching) {
      this.wait();
      this.glance();
    }
    await this.perform({ dataset: { tryonDo: "offerCamera" } }); // nothing moves once the dialog is open
  }

  /** Show a try-on that is being made already. */
  wait() {
    this.progress.start(this.remembered.began, this.remembered.usual);
    this.progress.say("making");
    this.$("[data-tryon-leave]").hidden = this.remembered.product === this.dataset.product;
    this.show("progress");
  }

  /** A quick picture in the meantime, where the server offers one. */
  glance() { if (this.form?.dataset.instant) this.perform({ dataset: { tryonDo: "quick" } }); }

  listen() {
    const on = (type, react) => this.dialog.addEventListener(type, react);
    const act = (event) => {
      const part = event.target.closest("[data-tryon-do]");
      if (!part || (event.type === "submit") !== (part.tagName === "FORM")) return;
      event.preventDefault();
      this.perform(part, event.submitter);
    };
    on("click", act);
    on("submit", act);
    on("close", () => this.opener.focus());
    const choose = ([file]) => file && this.perform({ dataset: { tryonDo: "choose" } }, file);
    on("change", ({ target }) => {
      if (target.name === "photo") choose(target.files);
      if (target.name === "consent") this.tell("consent");
      if (target.name === "reasons") {
        const all = [...target.form.elements.reasons];
        const full = all.filter((one) => one.checked).length >= target.form.dataset.most;
        for (const one of all) one.disabled = full && !one.checked;
      }
      if (target.name === "model_id") Object.assign(this, { idempotency: null, lost: false }); // another wish
      if (target.form === this.form) this.gate();
    });
    on("paste", (event) => choose(event.clipboardData.files));
    for (const type of ["dragover", "dragleave", "drop"]) {
      on(type, (event) => {
        const drop = event.target.closest("[data-tryon-drop]");
        if (!drop) return;
        event.preventDefault();
        drop.toggleAttribute("data-over", type === "dragover");
        if (type === "drop") choose(event.dataTransfer.files);
      });
    }
  }

  /** What a button says; the rarer things come with modules of their own. */
  async perform(part, submitter) {
    const { tryonDo: name, tryonFrom: from = "more" } = part.dataset;
    if (!this[name]) {
      await new Promise((resolve) => {
        const script = Object.assign(document.createElement("script"), { type: "module", onload: resolve, onerror: resolve });
        script.src = this.form.dataset[from];
        document.head.append(script);
      });
    }
    return this[name] ? this[name](part, submitter) : this.refused(new Problem("network"));
  }

  show(view) {
    for (const part of this.dialog.querySelectorAll("[data-tryon-view]")) part.hidden = part.dataset.tryonView !== view;
    this.dialog.scrollTop = 0;
    this.view = view;
  }

  /** Fill the live region of a place: form, photo, consent, notice. */
  tell(place, words = "") {
    const part = this.$(`[data-tryon-tell="${place}"]`);
    if (!part) return;
    part.textContent = words;
    this.$(`[aria-describedby~="${part.id}"]`)?.setAttribute("aria-invalid", String(Boolean(words)));
  }

  hush() { for (const place of ["form", "photo", "consent", "notice"]) this.tell(place); }

  get model() { return this.form.elements.model_id?.value ?? ""; }

  /** A photo to send, or the id and address of one that is there already, or neither. */
  setPhoto(photo, photoName = "", photoId = null, picture = photo && URL.createObjectURL(photo)) {
    if (this.picture) URL.revokeObjectURL(this.picture);
    const doubt = this.$("[data-tryon-doubt]");
    if (!doubt.hidden) call(`${this.dataset.photos}${this.photoId}/`, { method: "DELETE", headers: { "X-CSRFToken": this.csrf } }).catch(() => {});
    doubt.hidden = true;
    Object.assign(this, { photo, photoName, photoId, picture, idempotency: null, lost: false, face: null, options: undefined });
    this.$(".tryon-file").value = "";
    this.showPhoto();
  }

  showPhoto() {
    const { picture } = this;
    this.$("[data-tryon-chosen]").hidden = !picture;
    this.$("[data-tryon-own]").hidden = !this.photo || Boolean(this.face);
    for (const part of this.dialog.querySelectorAll("[data-tryon-ask], [data-tryon-ways]")) {
      part.toggleAttribute("data-away", Boolean(picture));
    }
    if (picture) this.$("[data-tryon-photo]").src = picture;
    this.$("[data-tryon-filename]").textContent = this.photoName ?? "";
    this.gate();
  }

  replace() { this.$(".tryon-file").click(); }

  clear() {
    this.setPhoto(null);
    this.tell("photo");
    this.$(".tryon-file").focus();
  }

  /** Create works when everything is there; until then the reason is read out. */
  gate() {
    const button = this.$("[data-tryon-create]");
    if (button.disabled) return false; // the day is used up, and it says so
    const { consent } = this.form.elements;
    const agreed = consent.type === "hidden" || consent.checked;
    const missing = this.photo || this.photoId ? (agreed ? "" : "needConsent") : agreed ? "needPhoto" : "needBoth";
    button.setAttribute("aria-disabled", String(Boolean(missing)));
    for (const part of this.form.querySelectorAll("[data-tryon-go]")) part.textContent = this.form.dataset[this.lost ? "again" : "create"];
    this.$("[data-tryon-need]").textContent = missing ? this.form.dataset[missing] : "";
    return !missing;
  }

  async create() {
    if (this.working || this.watching) return; // the second of two clicks
    if (!this.model && !this.gate()) {
      return this.$(this.picture ? ".tryon-consent input" : ".tryon-file").focus();
    }
    this.working = new AbortController();
    this.hush();
    this.$("[data-tryon-doubt]").hidden = true;
    this.show("progress");
    this.progress.start();
    this.progress.say(this.model || this.photoId ? "waiting" : "uploading");
    this.$('[data-tryon-view="progress"]').focus();
    try {
      const job = await this.send(this.working.signal);
      this.progress.update(job);
      const { began, usual } = this.progress;
      this.remember({ state: "busy", tryon: job.id, began, usual, product: this.dataset.product });
      this.idempotency = null;
      this.emit("start");
      this.follow(job.id);
    } catch (problem) {
      this.refused(problem);
    } finally {
      this.working = null;
    }
  }

  async send(signal) {
    const consent_version = this.form.elements.consent.value;
    // kept when the connection breaks, so that trying again starts nothing twice
    this.idempotency ??= crypto.getRandomValues(new Uint32Array(4)).join("-");
    const reused = !this.model && this.photoId;
    try {
      if (!this.model && !reused) {
        const data = new FormData();
        data.append("photo", this.photo, "photo.jpg");
        data.append("consent_version", consent_version);
        const headers = { ...this.headers(`${this.idempotency}-photo`), Accept: "application/json" };
        const sent = (share) => this.progress.update({ sent: share });
        const { id, warnings } = await upload(this.dataset.photos, data, headers, signal, sent);
        this.photoId = id;
        if (warnings?.length) throw new Problem(warnings[0]);
      }
      const source = this.model ? { model_id: Number(this.model) } : { photo_id: this.photoId, consent_version };
      const wish = { garment: Number(this.dataset.garment), options: this.options, ...source };
      return await (await this.post(this.dataset.tryons, wish, signal)).json();
    } catch (problem) {
      if (problem.code === "idempotency_conflict") {
        await sleep(1000 * (problem.retryAfter || 1), signal); // what was sent before is still being looked at
        return this.send(signal);
      }
      if (problem.code !== "not_found" || !reused) throw problem;
      this.photoId = this.idempotency = null; // it was deleted in the meantime: send it again, if it is here
      if (this.photo) return this.send(signal);
      throw new Problem("photo_lost");
    }
  }

  post(url, body, signal) {
    const headers = { ...this.headers(this.idempotency), "Content-Type": "application/json" };
    return call(url, { method: "POST", headers, signal, body: JSON.stringify(body) });
  }

  headers(key) {
    return { "X-CSRFToken": this.csrf, ...(key && { "Idempotency-Key": key }) };
  }

  /** Back to the form as it was, with words beside the field they are about. */
  async refused(problem) {
    this.progress.stop();
    if (problem.name === "AbortError") problem = new Problem("canceled");
    const { code } = problem;
    if (code.startsWith("consent_")) await this.load().catch(() => {}); // the notice changed
    const place = code.startsWith("consent_") ? "consent" : PHOTO_CODES.test(code) ? "photo" : "form";
    const doubt = DOUBTS.test(code) && this.$("[data-tryon-doubt]");
    this.lost = code === "network" && Boolean(this.idempotency);
    if (place === "photo" && !doubt) this.setPhoto(null);
    this.show("form");
    this.gate();
    const { dataset } = this.form;
    if (doubt) doubt.hidden = false;
    (doubt ? doubt.firstElementChild : this.$(place === "photo" ? ".tryon-file" : ".tryon-title")).focus();
    if (code === "canceled") return this.tell("notice", dataset.stopped);
    this.tell(place, problem.words || dataset[code] || dataset.server_error);
    this.emit("error", code);
  }

  /** Watch a try-on to its end, with the dialog open or not, on this page or the next. */
  async follow(id) {
    const watching = (this.watching = new AbortController());
    this.label(this.dataset.busy, "");
    this.$("[data-tryon-outcome]")?.remove();
    this.glance();
    try {
      const job = await watch(`${this.dataset.tryons}${id}/`, watching.signal, (now) => this.progress?.update(now));
      this.watching = null;
      if (job.status === "canceled") return this.stopped();
      const made = job.status === "succeeded";
      this.remember({ ...this.remembered, state: made ? "ready" : "failed" });
      made ? this.label(this.dataset.ready) : this.label("", job.error?.detail);
      this.emit(made ? "done" : "error", job.error?.code);
      this.progress?.stop();
      if (this.dialog?.open) await this.outcome();
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this.watching = null;
      problem.code === "timed_out" ? this.label("", "") : this.forget(); // it may still come
      this.dialog ? this.refused(problem) : this.emit("error", problem.code);
    }
  }

  forget() {
    if (recall().tryon === this.remembered.tryon) keep({});
    this.remembered = {};
    this.label("", "");
  }

  /** Show the server's page of the result or failure in the dialog. */
  async outcome() {
    const slot = this.$('[data-tryon-view="outcome"]');
    try {
      const { preview, product } = this.dataset;
      const here = new URLSearchParams({ fragment: 1, product, variant: this.variant });
      slot.replaceChildren(await this.fragment(`${preview.replace(NIL, this.remembered.tryon)}?${here}`));
    } catch (problem) {
      this.forget();
      return this.refused(problem);
    }
    this.remember({ ...this.remembered, seen: true });
    this.show("outcome");
    this.$("[data-tryon-heading]").focus();
    this.putBack?.(slot);
  }

  close() { this.dialog.close(); }

  async cancel() {
    if (this.working) return this.working.abort();
    const stop = () => {
      this.watching?.abort();
      this.watching = null;
      this.stopped();
    };
    try {
      await this.post(`${this.dataset.tryons}${this.remembered.tryon}/cancel/`, {});
      stop();
    } catch ({ code, words }) {
      if (code !== "already_over") this.tell("quick", words || this.form.dataset.unsent); // else the next look tells
    }
  }

  stopped() {
    this.forget();
    if (this.dialog) this.refused(new Problem("canceled"));
  }

  bag({ dataset }) {
    const go = this.emit("add-to-cart", "", { cancelable: true });
    this.close();
    const form = document.getElementById(this.getAttribute("for-form"));
    if (go && dataset.href) location.assign(dataset.href);
    else if (go && form) form.requestSubmit();
  }
}

customElements.define("tryon-progress", TryOnProgress);
customElements.define("tryon-compare", TryOnCompare);
customElements.define("tryon-widget", TryOnWidget);
