/**
 * What a <tryon-widget> can do beside the straight way: look at photos, camera, last photo; once more in another colour,
 * sharing, feedback, other previews; deleting. The methods become the widget's own when the dialog is there.
 */

const sheet = new CSSStyleSheet();
sheet.replaceSync(`@layer tryon {
  /* as high before the camera's first picture as with it: the buttons below stay where they are */
  .tryon-live { inline-size: 100%; block-size: min(60dvh, 30rem); object-fit: contain; scale: -1 1; }
  .tryon-count { position: absolute; color: #fff; font-size: 6rem; text-shadow: 0 0 1rem #000; }
}`);
document.adoptedStyleSheets.push(sheet);

const NIL = "00000000-0000-0000-0000-000000000000";
const NETWORK = { code: "network", words: "" };
const refusal = (code) => Object.assign(new Error(code), { code });
const second = () => new Promise((done) => setTimeout(done, 1000));

function drawing(width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  return [canvas, canvas.getContext("2d")];
}

const jpeg = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));

/** The kind of picture that the first bytes claim, and whether it moves. */
async function look(file) {
  const bytes = new Uint8Array(await file.slice(0, 4096).arrayBuffer());
  const text = String.fromCharCode(...bytes);
  if (text.startsWith("\xff\xd8\xff")) return { known: true };
  if (text.startsWith("\x89PNG")) return { known: true, moves: text.split("IDAT")[0].includes("acTL") };
  if (/^RIFF[^]{4}WEBP/.test(text)) return { known: true, moves: text.slice(12, 16) === "VP8X" && bytes[20] & 2 };
  return { known: text.slice(4, 8) === "ftyp" }; // HEIC and AVIF: the server knows whether it can
}

/** Upright, at most maxEdge pixels long, a JPEG without the place it was taken at; else the server judges it as it is. */
async function prepare(file, { maxBytes, minSide, maxEdge }) {
  const { known, moves } = await look(file);
  if (!known) throw refusal("unsupported_image_format");
  if (file.size > maxBytes) throw refusal("file_size_too_large");
  if (moves) throw refusal("animated_image");
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file;
  }
  const { width, height } = bitmap;
  if (Math.min(width, height) < minSide) throw refusal("image_too_small");
  const scale = Math.min(1, maxEdge / Math.max(width, height));
  const [canvas, pen] = drawing(Math.round(width * scale), Math.round(height * scale));
  pen.fillStyle = "#fff"; // a JPEG has no transparency
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return (await jpeg(canvas)) ?? file;
}

async function fetched(url, options) {
  const response = await fetch(url, { cache: "no-store", ...options });
  if (response.ok) return response;
  const { detail } = await response.json().catch(() => ({}));
  throw Object.assign(new Error(detail), { status: response.status, words: detail });
}

const more = {
  // ---- the photo
  async choose(_part, file) {
    if (this.working || this.watching) return;
    const turn = (this.turn = {});
    const { maxBytes, minSide, maxEdge } = this.form.dataset;
    this.hush();
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
      const { code = "server_error" } = problem;
      this.tell("photo", this.form.dataset[code]);
      this.emit("error", code);
    }
  },

  /** Only where a camera can work; looking for one asks the shopper nothing. */
  async offerCamera() {
    const devices = await navigator.mediaDevices?.enumerateDevices().catch(() => []);
    this.$("[data-tryon-camera]").hidden = !devices?.some((one) => one.kind === "videoinput");
  },

  async camera() {
    const refuse = () => {
      this.tell("photo", this.form.dataset.cameraBlocked);
      this.$(".tryon-file").focus();
    };
    const wish = { facingMode: "user", width: { ideal: 1920 }, height: { ideal: 1920 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video: wish }).catch(() => null);
    if (!stream) return refuse();
    this.dark();
    this.stream = stream;
    if (!this.dialog.open || document.hidden) return this.dark(); // gone while the browser asked
    this.tell("photo");
    const video = this.$("video");
    video.srcObject = stream;
    this.show("camera");
    this.$('[data-tryon-view="camera"]').focus();
    for (const [place, end] of [[this.dialog, "close"], [document, "visibilitychange"]]) {
      place.addEventListener(end, () => this.dark(), { once: true });
    }
    await video.play().catch(() => {});
  },

  /** The light goes off. */
  dark() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    const video = this.$("video");
    if (video) video.srcObject = null;
    if (this.view === "camera") this.show("form");
  },

  async take({ dataset: { seconds = 0 } }) {
    const { stream } = this;
    const count = this.$("[data-tryon-count]");
    for (let left = Number(seconds); left; left--) {
      count.textContent = left;
      await second();
      if (this.stream !== stream) break;
    }
    count.textContent = "";
    const video = this.$("video");
    // whoever is quicker than the camera waits for its first picture
    if (!video.videoWidth) await new Promise((there) => video.addEventListener("loadeddata", there, { once: true }));
    if (!stream || this.stream !== stream) return;
    const [canvas, pen] = drawing(video.videoWidth, video.videoHeight);
    pen.drawImage(video, 0, 0);
    this.dark();
    await this.choose(null, new File([await jpeg(canvas)], "camera.jpg", { type: "image/jpeg" }));
    this.$("[data-tryon-do=replace]").focus();
  },

  /** From the camera or the oval to the form. */
  back() {
    this.dark();
    this.show("form");
    this.$(this.picture ? "[data-tryon-do=replace]" : ".tryon-file").focus();
  },

  last({ dataset }) {
    this.hush();
    this.setPhoto(null, "", dataset.photo, dataset.src);
    this.emit("photo");
    this.$("[data-tryon-do=replace]").focus();
  },

  // ---- after the preview
  /** A quick picture to look at while the real one is made. */
  async quick() {
    const { watching } = this;
    const frame = this.$("[data-tryon-instant]");
    const ground = frame.parentElement.querySelector(".tryon-ground");
    const note = this.$('[data-tryon-tell="quick"]');
    [frame.hidden, ground.hidden, note.textContent] = [true, false, ""];
    const url = this.form.dataset.instant.replace(NIL, this.remembered.tryon);
    for (const wait of [1, 1, 1, 1, 2, 2, 3, 4, 5, 10]) {
      for (let left = wait; left; left--) await second();
      if (!watching || this.watching !== watching) return; // it is over
      const response = await fetched(url).catch(() => null);
      if (response?.status !== 200) continue;
      const picture = frame.querySelector("img");
      picture.src = URL.createObjectURL(await response.blob());
      [frame.hidden, ground.hidden, note.textContent] = [false, true, note.dataset.words];
      return;
    }
  },

  /** Something beside the result went wrong; the result stays. */
  regret({ words }) { this.tell("result", words || this.form.dataset.unsent); },

  /** To another app; where that can't be done, it is saved. */
  async share({ dataset: { src, title } }) {
    const named = (data) => ({ files: [new File(data, "preview.jpg", { type: "image/jpeg" })], title });
    const save = () => this.$("[data-tryon-save]").click();
    if (!navigator.canShare?.(named([]))) return save();
    let picture;
    try {
      picture = this.saved ?? (await (await fetched(src)).blob());
    } catch (error) {
      return this.regret(error);
    }
    // the shopper may think better of it; a browser that waited too long for the picture no longer knows of the tap
    await navigator.share(named([picture])).catch(({ name }) => name === "AbortError" || save());
  },

  submit(form) {
    return fetched(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
  },

  async feedback(form) {
    const { verdict } = Object.fromEntries(new FormData(form));
    try {
      await this.submit(form);
    } catch (error) {
      return this.regret(error);
    }
    const thanks = this.$("[data-tryon-thanks]");
    thanks.textContent = thanks.dataset.words;
    form.remove();
    this.$("[data-tryon-heading]").focus();
    this.emit("feedback", verdict);
  },

  /** Once more with what the button names: the same photo or model, another colour, other options. */
  async retry({ dataset: { photo, src, model, garment, variant, dialog, options } }) {
    this.forget();
    if (garment) Object.assign(this.dataset, { garment, variant, dialog });
    if (garment) await this.load().catch(() => {});
    if (photo && photo !== this.photoId) this.setPhoto(null, "", photo, src);
    this.options = options && JSON.parse(options);
    this.idempotency = null; // another wish
    const radio = this.form.querySelector(`[name="model_id"][value="${model ?? ""}"]`);
    if (radio) radio.checked = true;
    this.show("form");
    this.create();
  },

  async again() {
    this.forget();
    this.setPhoto(null);
    await this.load().catch(() => this.show("form")); // fresh: what was agreed, and how many previews are left
    this.$(".tryon-file").focus();
  },

  /** Another of the shopper's previews. */
  see({ dataset: { tryon } }) {
    this.remember({ ...this.remembered, state: "ready", tryon, began: Date.now(), product: this.dataset.product });
    return this.outcome();
  },

  /** From a preview of another product that is being made to the form of this one. */
  leave() {
    this.watching?.abort();
    this.watching = null;
    this.remembered = {};
    this.label("", "");
    this.show("form");
    this.$(".tryon-title").focus();
  },

  async erase(form) {
    let said = this.form.dataset.not_found;
    try {
      said = (await (await this.submit(form)).json()).detail;
    } catch (error) {
      if (error.status !== 404) return this.regret(error);
    }
    this.emit("delete");
    await this.again();
    this.tell("notice", said);
  },

  async withdraw(form) {
    try {
      const { detail, receipt, receipt_url: href } = await (await this.submit(form)).json();
      this.forget();
      this.setPhoto(null);
      await this.load();
      this.tell("notice", detail);
      const link = Object.assign(document.createElement("a"), { href, target: "_blank", rel: "noopener", textContent: receipt });
      if (href) this.$('[data-tryon-tell="notice"]').append(" ", link);
    } catch {
      this.refused(NETWORK);
    }
  },
};

Object.assign(customElements.get("tryon-widget").prototype, more);
