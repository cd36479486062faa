// Views of the inventory by name. What somebody called one is text, put in by interpolation, which escapes it; where one
// leads is always this studio's own list.
const VIEWS_MAX = 30, NAME_MAX = 60, QUERY_MAX = 2000;

export default {
  props: { owner: String, known: Array },
  data: () => ({ own: [], name: "", problem: "" }),
  mounted() {
    this.own = this.kept();
    addEventListener("storage", this.again);
  },
  unmounted() {
    removeEventListener("storage", this.again);
  },
  computed: {
    key() {
      return `valetkey-views-${this.owner}`;
    },
  },
  methods: {
    again() {
      this.own = this.kept();
    },
    kept() {
      // A browser's storage holds whatever was put there, or is closed to us.
      try {
        const found = JSON.parse(localStorage.getItem(this.key) || "[]");
        const sound = (one) => Array.isArray(one) && one.length === 2 && one.every((part) => typeof part === "string");
        return Array.isArray(found) ? found.filter(sound).slice(0, VIEWS_MAX) : [];
      } catch {
        return [];
      }
    },
    keep(views) {
      try {
        localStorage.setItem(this.key, JSON.stringify(views));
        this.own = views;
        this.problem = "";
        return true;
      } catch {
        this.problem = "This browser keeps nothing.";
        return false;
      }
    },
    save() {
      const name = this.name.trim().slice(0, NAME_MAX);
      const query = location.search.slice(1);
      // As it is now: another window may have saved one meanwhile.
      const others = this.kept().filter(([one]) => one !== name);
      if (!name) return;
      if (others.length >= VIEWS_MAX || query.length > QUERY_MAX) {
        this.problem = `No more than ${VIEWS_MAX} views are kept.`;
      } else if (this.keep([...others, [name, query]])) this.name = "";
    },
    drop(name) {
      this.keep(this.kept().filter(([one]) => one !== name));
    },
    to: (query) => (query ? `/sessions?${query}` : "/sessions"),
  },
  template: `
    <details class="columns-menu views-menu">
      <summary class="button">Views</summary>
      <div class="menu">
        <a v-for="[name, query] in known" :key="'known ' + name" :href="to(query)">{{ name }}</a>
        <span v-for="[name, query] in own" :key="name" class="buttons view">
          <a class="stretch" :href="to(query)">{{ name }}</a>
          <button type="button" class="button bare square" :aria-label="'Forget view ' + name" title="Forget" @click="drop(name)"><svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M6 6l12 12M18 6L6 18"/></svg></button>
        </span>
        <form class="buttons" @submit.prevent="save">
          <input class="input" v-model="name" maxlength="${NAME_MAX}" placeholder="Name of this view" aria-label="Name of this view" autocomplete="off">
          <button type="submit" class="button">Save</button>
        </form>
        <span v-if="problem" class="small warn" role="status">{{ problem }}</span>
      </div>
    </details>
  `,
};
