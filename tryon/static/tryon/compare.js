/* <tryon-slider>: two pictures over each other, cut where its range says. Without this script they stand one below the
   other. `data-value` is what the range says aloud: {n} is how much of the second picture is seen. */
class TryOnSlider extends HTMLElement {
  connectedCallback() {
    const range = this.querySelector("input");
    if (!range) {
      return;
    }
    const show = () => {
      this.style.setProperty("--cut", `${range.value}%`);
      if (this.dataset.value) {
        range.setAttribute("aria-valuetext", this.dataset.value.replace("{n}", 100 - range.value));
      }
    };
    this.classList.add("tryon-on");
    range.hidden = false;
    range.oninput = show;
    this.querySelectorAll("[data-tryon-end]").forEach((end) => {
      end.hidden = false;
      end.onclick = () => {
        range.value = end.dataset.tryonEnd;
        show();
      };
    });
    show();
  }
}

customElements.define("tryon-slider", TryOnSlider);
