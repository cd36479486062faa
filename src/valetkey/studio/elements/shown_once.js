// A secret that is shown once: fetched by a request of its own, held by the browser alone, and by no message to a page.
export default {
  props: { address: String, words: String, rows: Number },
  emits: ["refused"],
  data: () => ({ text: "" }),
  async mounted() {
    let told = "The studio did not answer.";
    try {
      const answer = await fetch(this.address, { method: "POST", cache: "no-store" });
      told = await answer.text();
      if (answer.ok) {
        this.text = told;
        return;
      }
    } catch {
      // What was said last is told below.
    }
    this.$emit("refused", told);
  },
  unmounted() {
    this.text = "";
  },
  template: `
    <div v-if="text" class="stack">
      <label class="unseen" for="secret">{{ words }}</label>
      <textarea id="secret" class="secret" readonly spellcheck="false" :rows="rows" :value="text"></textarea>
    </div>
    <p v-else class="quiet" role="status">Fetching it…</p>
  `,
};
