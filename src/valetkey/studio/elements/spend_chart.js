// What a session spent over time: steps, with its budget as a line. Texts are text nodes.
const HEIGHT = 200, LEFT = 56, RIGHT = 12, TOP = 12, FOOT = 24;
const DAY = 86400;

export default {
  props: { points: Array, limit: Number, currency: String, summary: String },
  data: () => ({ width: 720 }),
  mounted() {
    // Its letters keep their size on a phone.
    this.watching = new ResizeObserver(() => (this.width = Math.max(240, this.$el.clientWidth)));
    this.watching.observe(this.$el);
  },
  unmounted() {
    this.watching.disconnect();
  },
  computed: {
    span() {
      const times = this.points.map(([at]) => at);
      const from = Math.min(...times), to = Math.max(...times);
      return [from, to > from ? to : from + 60];
    },
    top() {
      const most = Math.max(...this.points.map(([, amount]) => amount), 0);
      // The budget is shown where it does not flatten everything else.
      const wanted = this.limit !== null && this.limit <= most * 4 ? Math.max(this.limit, most) : most;
      return wanted > 0 ? wanted * 1.05 : 1;
    },
    steps() {
      let path = "", last = null;
      for (const [at, amount] of this.points) {
        path += last === null ? `M${this.x(at)} ${this.y(amount)}` : `H${this.x(at)}V${this.y(amount)}`;
        last = at;
      }
      return path;
    },
    area() {
      const [from, to] = [this.points[0][0], this.points[this.points.length - 1][0]];
      return `${this.steps}L${this.x(to)} ${this.y(0)}L${this.x(from)} ${this.y(0)}Z`;
    },
    ticks() {
      return [0, 0.5, 1].map((part) => (this.top / 1.05) * part);
    },
    days() {
      const [from, to] = this.span, count = this.width < 480 ? 3 : 5;
      const style = to - from > 2 * DAY ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" };
      const format = new Intl.DateTimeFormat("en-GB", style);
      return Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1)).map((at) => [at, format.format(at * 1000)]);
    },
  },
  methods: {
    x(at) {
      const [from, to] = this.span;
      return (LEFT + ((at - from) / (to - from)) * (this.width - LEFT - RIGHT)).toFixed(1);
    },
    y(amount) {
      return (HEIGHT - FOOT - (amount / this.top) * (HEIGHT - FOOT - TOP)).toFixed(1);
    },
    short: (amount) => new Intl.NumberFormat("en", { maximumSignificantDigits: 3, notation: amount >= 10000 ? "compact" : "standard" }).format(amount),
  },
  template: `
    <svg class="chart" :viewBox="'0 0 ' + width + ' ${HEIGHT}'" role="img" :aria-label="summary">
      <g v-for="tick in ticks" :key="tick">
        <line class="grid" x1="${LEFT}" :x2="width - ${RIGHT}" :y1="y(tick)" :y2="y(tick)" />
        <text x="${LEFT - 8}" :y="y(tick)" dy="4" text-anchor="end">{{ short(tick) }}</text>
      </g>
      <text v-for="([at, text], i) in days" :key="i" :x="x(at)" y="${HEIGHT - 6}" :text-anchor="i === 0 ? 'start' : i === days.length - 1 ? 'end' : 'middle'">{{ text }}</text>
      <path class="area" :d="area" />
      <path class="spent" :d="steps" />
      <line v-if="limit !== null && limit <= top" class="limit" x1="${LEFT}" :x2="width - ${RIGHT}" :y1="y(limit)" :y2="y(limit)" />
      <circle v-for="([at, amount], i) in points.slice(1)" :key="i" :cx="x(at)" :cy="y(amount)" r="3"><title>{{ short(amount) }} {{ currency }}</title></circle>
    </svg>
  `,
};
