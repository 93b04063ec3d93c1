/**
 * <tryon-widget>: the try-on button of a product page and its dialog.
 *
 * The server renders every word and every address; this module only moves them and talks to the REST API.
 * Before the first click nothing is requested, unless a preview of this product is being made.
 *
 * Events on the element, all bubbling, with detail {product, tryon, code} and never a picture:
 * tryon:open, tryon:photo, tryon:start, tryon:done, tryon:error, tryon:delete, tryon:add-to-cart (cancelable).
 */

const FINAL = ["succeeded", "failed", "blocked", "canceled"];
const GIVE_UP = 10 * 60 * 1000;
const NIL = "00000000-0000-0000-0000-000000000000";

/** A refusal with a code of the error table and words for the shopper ("" when the server gave none). */
class Problem extends Error {
  constructor(code, words = "", status = 0, retryAfter = 0) {
    super(code);
    Object.assign(this, { code, words, status, retryAfter });
  }
}

const aborted = () => new DOMException("stopped", "AbortError");

/** A promise that `begin` resolves, and that is rejected when it is no longer wanted. */
const until = (signal, begin) =>
  new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(aborted()), { once: true });
    begin(resolve);
  });
const sleep = (ms, signal) => until(signal, (done) => setTimeout(done, ms));
const seen = (signal) =>
  document.hidden &&
  until(signal, (done) => document.addEventListener("visibilitychange", done, { once: true, signal }));

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
function upload(url, data, csrf, signal, sent) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", url);
    xhr.responseType = "json";
    xhr.setRequestHeader("X-CSRFToken", csrf);
    xhr.setRequestHeader("Accept", "application/json");
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

/** Ask about a try-on until it is over; `show` gets every new answer. Gives the last one. */
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
      if (error.name === "AbortError" || [401, 404, 410].includes(error.status)) throw error;
      wait = Math.max(5, error.retryAfter || 0);
    }
  }
  throw new Problem("timed_out");
}

/** The kind of picture that the first bytes claim, and whether it moves. */
async function look(file) {
  const bytes = new Uint8Array(await file.slice(0, 4096).arrayBuffer());
  const text = String.fromCharCode(...bytes);
  if (text.startsWith("\xff\xd8\xff")) return { known: true };
  if (text.startsWith("\x89PNG")) return { known: true, moves: text.split("IDAT")[0].includes("acTL") };
  if (/^RIFF[^]{4}WEBP/.test(text)) return { known: true, moves: text.slice(12, 16) === "VP8X" && bytes[20] & 2 };
  return { known: text.slice(4, 8) === "ftyp" }; // HEIC and AVIF: the server knows whether it can
}

/**
 * A photo made ready to send: upright, at most maxEdge pixels long, a JPEG without the place it was taken at.
 * What the browser can't decode is sent as it is, and judged by the server.
 */
async function prepare(file, { maxBytes, minSide, maxEdge }) {
  const { known, moves } = await look(file);
  if (!known) throw new Problem("unsupported_image_format");
  if (file.size > maxBytes) throw new Problem("file_size_too_large");
  if (moves) throw new Problem("animated_image");
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file;
  }
  const { width, height } = bitmap;
  if (Math.min(width, height) < minSide) throw new Problem("image_too_small");
  const scale = Math.min(1, maxEdge / Math.max(width, height));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff"; // a JPEG has no transparency
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return (await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9))) ?? file;
}

/** Where the words for a code are that this module finds out by itself: names of data attributes of the form. */
const CLIENT_WORDS = {
  unsupported_image_format: "errorType", file_size_too_large: "errorSize", image_too_small: "errorSmall",
  animated_image: "errorMoving", network: "errorNetwork", not_found: "errorGone",
};
const PHOTO_CODES = /image|photo|resolution|aspect|processing|file_size/;

/** How far a try-on is: stage, bar, seconds. On the preview page it also watches, and loads the page when it is over. */
class TryOnProgress extends HTMLElement {
  connectedCallback() {
    this.stage = this.querySelector("[data-tryon-stage]");
    this.bar = this.querySelector("progress");
    const { url, eta } = this.dataset;
    if (!url) return;
    this.start();
    this.update({ eta_seconds: Number(eta) });
    this.stopper = new AbortController();
    const reload = (error) => error?.name === "AbortError" || location.reload();
    watch(url, this.stopper.signal, (job) => this.update(job)).then(() => reload(), reload);
  }

  disconnectedCallback() {
    this.stop();
    this.stopper?.abort();
  }

  start(began = Date.now()) {
    this.stop();
    Object.assign(this, { began, share: 0, total: 0, usual: 0, late: false, now: "" });
    this.bar.value = 0.02;
    this.timer = setInterval(() => this.tick(), 500);
    this.tick();
  }

  stop() { clearInterval(this.timer); }

  update({ stage, progress, eta_seconds: eta, queue_position: ahead }) {
    this.share = Math.max(this.share, progress ?? 0);
    if (eta) this.total = (Date.now() - this.began) / 1000 + eta;
    this.usual ||= this.total;
    this.say(stage);
    this.querySelector("[data-tryon-ahead]").textContent = ahead ? this.dataset.ahead.replace("{n}", ahead) : "";
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

/** The shopper's photo over the preview, parted by a native range input. */
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
  connectedCallback() {
    if (!this.opener) this.upgrade();
    this.key = `tryon:${this.dataset.product}:${this.dataset.variant}`;
    this.remembered = {};
    try {
      this.remembered = JSON.parse(sessionStorage.getItem(this.key)) ?? {};
    } catch {}
    const { state, tryon } = this.remembered;
    if (state === "ready") this.label(this.dataset.ready, "");
    if (state === "busy") this.follow(tryon);
  }

  disconnectedCallback() {
    this.watching?.abort();
  }

  /** The link to the try page becomes a button. */
  upgrade() {
    const link = this.querySelector("a");
    if (!link) return;
    this.page = link.href;
    this.opener = Object.assign(document.createElement("button"), { type: "button", className: link.className });
    this.opener.setAttribute("aria-haspopup", "dialog");
    this.opener.append(...link.childNodes);
    link.replaceWith(this.opener);
    this.words = this.querySelector("[data-tryon-label]").textContent;
    this.opener.onclick = () => this.open();
  }

  emit(name, code = "", options = {}) {
    const detail = { product: this.dataset.product, tryon: this.remembered.tryon ?? "", code };
    return this.dispatchEvent(new CustomEvent(`tryon:${name}`, { bubbles: true, detail, ...options }));
  }

  /** What outlives the page, if the browser lets us keep it. */
  remember(value) {
    this.remembered = value;
    try {
      sessionStorage.setItem(this.key, JSON.stringify(value));
    } catch {}
  }

  label(words, news = words) {
    this.querySelector("[data-tryon-label]").textContent = words || this.words;
    this.querySelector("[data-tryon-news]").textContent = this.dialog?.open ? "" : news;
    this.opener.toggleAttribute("data-working", words === this.dataset.busy);
  }

  // ---- the dialog
  async open() {
    if (this.opener.hasAttribute("aria-busy")) return;
    this.opener.setAttribute("aria-busy", "true");
    try {
      if (!this.dialog) await this.load();
      if (/ready|failed/.test(this.remembered.state) && !this.$("[data-tryon-outcome]")) await this.outcome();
      this.dialog.showModal();
      this.emit("open");
    } catch {
      location.assign(this.page); // the page does the same job
    } finally {
      this.opener.removeAttribute("aria-busy");
    }
  }

  $(selector) {
    return this.dialog?.querySelector(selector);
  }

  async fragment(url) {
    const html = await (await call(url, { headers: { Accept: "text/html" } })).text();
    return new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
  }

  /** Fetch what is in the dialog, also to have it fresh; a photo that is chosen already stays chosen. */
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
    if (!this.watching) return;
    this.progress.start(this.remembered.began);
    this.progress.say("making");
    this.show("progress");
  }

  listen() {
    const on = (type, react) => this.dialog.addEventListener(type, react);
    const act = (event) => {
      const part = event.target.closest("[data-tryon-do]");
      if (!part || (event.type === "submit") !== (part.tagName === "FORM")) return;
      event.preventDefault();
      this[part.dataset.tryonDo](part);
    };
    on("click", act);
    on("submit", act);
    on("close", () => this.opener.focus());
    on("change", ({ target }) => {
      if (target.name === "photo") this.choose(target.files[0]);
      if (target.name === "consent") this.tell("consent");
      if (target.form === this.form) this.gate();
    });
    on("paste", (event) => this.choose(event.clipboardData.files[0]));
    for (const type of ["dragover", "dragleave", "drop"]) {
      on(type, (event) => {
        const drop = event.target.closest("[data-tryon-drop]");
        if (!drop) return;
        event.preventDefault();
        drop.toggleAttribute("data-over", type === "dragover");
        if (type === "drop") this.choose(event.dataTransfer.files[0]);
      });
    }
  }

  show(view) {
    for (const part of this.dialog.querySelectorAll("[data-tryon-view]")) part.hidden = part.dataset.tryonView !== view;
    this.dialog.scrollTop = 0;
  }

  /** Put words into the live region of a place: form, photo, consent or notice; no words clear it. */
  tell(place, words = "") {
    const part = this.$(`[data-tryon-tell="${place}"]`);
    if (!part) return;
    part.textContent = words;
    this.$(`[aria-describedby~="${part.id}"]`)?.setAttribute("aria-invalid", String(Boolean(words)));
  }

  // ---- photo, model, consent
  get model() {
    return this.form.elements.model_id ? this.form.elements.model_id.value : "";
  }

  async choose(file) {
    if (!file || this.working || this.watching) return;
    const turn = (this.turn = {});
    const { maxBytes, minSide, maxEdge } = this.form.dataset;
    for (const place of ["photo", "notice"]) this.tell(place);
    const mine = this.form.querySelector('[name="model_id"][value=""]');
    if (mine) mine.checked = true;
    try {
      const blob = await prepare(file, { maxBytes, minSide, maxEdge });
      if (turn !== this.turn) return; // another one was chosen in the meantime
      this.setPhoto(blob, file.name);
      this.emit("photo");
    } catch (problem) {
      if (turn !== this.turn) return;
      this.setPhoto(null);
      this.tell("photo", this.form.dataset[CLIENT_WORDS[problem.code]] ?? this.form.dataset.errorOurs);
      this.emit("error", problem.code);
    }
  }

  setPhoto(blob, name = "") {
    if (this.picture) URL.revokeObjectURL(this.picture);
    this.picture = blob && URL.createObjectURL(blob);
    Object.assign(this, { photo: blob, photoName: name, photoId: null, idempotency: null });
    this.$(".tryon-file").value = "";
    this.showPhoto();
  }

  showPhoto() {
    const chosen = this.$("[data-tryon-chosen]");
    chosen.hidden = !this.photo;
    this.$("[data-tryon-ask]").toggleAttribute("data-away", Boolean(this.photo));
    if (this.photo) this.$("[data-tryon-photo]").src = this.picture;
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
    const { consent } = this.form.elements;
    const agreed = consent.type === "hidden" || consent.checked;
    const missing = this.photo || this.photoId ? (agreed ? "" : "needConsent") : agreed ? "needPhoto" : "needBoth";
    this.$("[data-tryon-create]").setAttribute("aria-disabled", String(Boolean(missing)));
    this.$("[data-tryon-need]").textContent = missing ? this.form.dataset[missing] : "";
    return !missing;
  }

  // ---- making it
  async create() {
    if (this.working) return; // the second of two clicks
    if (!this.model && !this.gate()) {
      return this.$(this.photo ? ".tryon-consent input" : ".tryon-file").focus();
    }
    this.working = new AbortController();
    for (const place of ["form", "photo", "consent", "notice"]) this.tell(place);
    this.show("progress");
    this.progress.start();
    this.progress.say(this.model ? "waiting" : "uploading");
    this.$('[data-tryon-view="progress"]').focus();
    try {
      const job = await this.send(this.working.signal);
      const { photoId: photo, model, progress } = this;
      this.remember({ state: "busy", tryon: job.id, began: progress.began, photo, model });
      this.idempotency = null;
      this.emit("start");
      this.progress.update(job);
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
    if (!this.model && !reused) {
      const data = new FormData();
      data.append("photo", this.photo, "photo.jpg");
      data.append("consent_version", consent_version);
      const sent = (share) => this.progress.update({ progress: share / 10 });
      this.photoId = (await upload(this.dataset.photos, data, this.csrf, signal, sent)).id;
    }
    const source = this.model ? { model_id: Number(this.model) } : { photo_id: this.photoId, consent_version };
    try {
      const wish = { garment: Number(this.dataset.garment), ...source };
      return await (await this.post(this.dataset.tryons, wish, signal)).json();
    } catch (problem) {
      if (problem.code !== "not_found" || !reused || !this.photo) throw problem;
      this.photoId = null; // it was deleted in the meantime: send it again
      return this.send(signal);
    }
  }

  post(url, body, signal) {
    const headers = { "X-CSRFToken": this.csrf, "Content-Type": "application/json" };
    if (this.idempotency) headers["Idempotency-Key"] = this.idempotency;
    return call(url, { method: "POST", headers, signal, body: JSON.stringify(body) });
  }

  /** Back to the form, with the words beside the field they are about; everything else stays as it was. */
  async refused(problem) {
    this.progress.stop();
    if (problem.name === "AbortError") problem = new Problem("canceled");
    const { code } = problem;
    if (code.startsWith("consent_")) await this.load().catch(() => {}); // the notice changed
    const place = code.startsWith("consent_") ? "consent" : PHOTO_CODES.test(code) ? "photo" : "form";
    if (place === "photo") this.setPhoto(null);
    this.show("form");
    const { dataset } = this.form;
    this.$(place === "photo" ? ".tryon-file" : ".tryon-title").focus();
    if (code === "canceled") return this.tell("notice", dataset.stopped);
    this.tell(place, problem.words || dataset[CLIENT_WORDS[code]] || dataset.errorOurs);
    this.emit("error", code);
  }

  /** Watch a try-on to its end, with the dialog open or not, on this page or the next. */
  async follow(id) {
    const watching = (this.watching = new AbortController());
    this.label(this.dataset.busy, "");
    this.$("[data-tryon-outcome]")?.remove();
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
      this.forget();
      this.dialog ? this.refused(problem) : this.emit("error", problem.code);
    }
  }

  forget() {
    this.remember({});
    this.label("", "");
  }

  /** Show the server's page of the result or failure in the dialog. */
  async outcome() {
    const slot = this.$('[data-tryon-view="outcome"]');
    try {
      const url = this.dataset.preview.replace(NIL, this.remembered.tryon);
      slot.replaceChildren(await this.fragment(`${url}?fragment=1`));
    } catch (problem) {
      this.forget();
      return this.refused(problem);
    }
    this.show("outcome");
    this.$("[data-tryon-heading]").focus();
  }

  // ---- what the buttons do
  close() { this.dialog.close(); }

  async again() {
    this.forget();
    this.setPhoto(null);
    await this.load().catch(() => this.show("form")); // fresh: what was agreed, and how many previews are left
    this.$(".tryon-file").focus();
  }

  retry() {
    const { photo, model } = this.remembered;
    this.forget();
    this.photoId ??= photo;
    const radio = this.form.querySelector(`[name="model_id"][value="${model}"]`);
    if (radio) radio.checked = true;
    this.show("form");
    this.create();
  }

  async cancel() {
    if (this.working) return this.working.abort();
    const stop = () => {
      this.watching?.abort();
      this.watching = null;
      this.stopped();
    };
    // refused when it was over already: the next look tells
    await this.post(`${this.dataset.tryons}${this.remembered.tryon}/cancel/`, {}).then(stop, () => {});
  }

  stopped() {
    this.forget();
    if (this.dialog) this.refused(new Problem("canceled"));
  }

  bag() {
    const go = this.emit("add-to-cart", "", { cancelable: true });
    this.close();
    const form = document.getElementById(this.getAttribute("for-form"));
    if (go && form) form.requestSubmit();
  }

  async erase() {
    const { tryon } = this.remembered;
    try {
      await call(`${this.dataset.tryons}${tryon}/`, { method: "DELETE", headers: { "X-CSRFToken": this.csrf } });
    } catch (problem) {
      if (problem.status !== 404) return this.refused(problem);
    }
    this.emit("delete");
    await this.again();
    this.tell("notice", this.form.dataset.deleted);
  }

  async withdraw(form) {
    try {
      await call(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "text/html" } });
      this.forget();
      this.setPhoto(null);
      await this.load();
      this.tell("notice", this.form.dataset.withdrawn);
    } catch (problem) {
      this.refused(problem);
    }
  }
}

customElements.define("tryon-progress", TryOnProgress);
customElements.define("tryon-compare", TryOnCompare);
customElements.define("tryon-widget", TryOnWidget);
