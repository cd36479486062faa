// A field that keeps what is being typed: a page that draws itself anew must not take it away.
export default {
  props: { value: String, name: String, hint: String, choices: Array, wait: Number },
  emits: ["set"],
  data() {
    return { text: this.value, timer: null };
  },
  watch: {
    value(told) {
      if (this.timer === null) this.text = told;
    },
  },
  methods: {
    typed(event) {
      this.text = event.target.value;
      clearTimeout(this.timer);
      this.timer = setTimeout(this.tell, this.wait);
    },
    chosen(event) {
      this.text = event.target.value;
      this.tell();
    },
    tell() {
      clearTimeout(this.timer);
      this.timer = null;
      this.$emit("set", this.text);
    },
  },
  unmounted() {
    clearTimeout(this.timer);
  },
  template: `
    <select v-if="choices" class="input" :name="name" :value="text" @change="chosen">
      <option v-for="[key, words] in choices" :key="key" :value="key">{{ words }}</option>
    </select>
    <input v-else class="input" type="search" :name="name" :placeholder="hint" :value="text" autocomplete="off" spellcheck="false" maxlength="200" @input="typed" @keydown.enter.prevent="tell" @blur="timer !== null && tell()">
  `,
};
