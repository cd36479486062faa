// Sessions as rows. Every text is put in by interpolation, which escapes it; nothing here is HTML out of data.
const EXACT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const UNITS = [["d", 86400, 2], ["h", 3600, 2], ["min", 60, 1]];
const SORTED = { label: "label", ends: "expiry" };
const TICK_MS = 5000;

export default {
  props: { rows: Array, columns: Array, sort: String, chosen: Array },
  emits: ["act", "sort", "choose"],
  data: () => ({ now: Date.now() / 1000, changed: {} }),
  mounted() {
    this.timer = setInterval(() => (this.now = Date.now() / 1000), TICK_MS);
  },
  unmounted() {
    clearInterval(this.timer);
  },
  watch: {
    rows(after, before) {
      const known = Object.fromEntries((before || []).map((row) => [row.id, row]));
      this.now = Date.now() / 1000;
      for (const row of after) {
        const was = known[row.id];
        if (was && was.left !== row.left) this.changed[row.id] = (this.changed[row.id] || 0) + 1;
      }
    },
  },
  computed: {
    shown() {
      return Object.fromEntries(this.columns.map(([key]) => [key, true]));
    },
    names() {
      return Object.fromEntries(this.columns);
    },
    all() {
      return this.rows.length > 0 && this.rows.every((row) => this.chosen.includes(row.id));
    },
  },
  updated() {
    // The button that was pressed may be gone with what it did: the keyboard stays in its row.
    if (!this.pressed || this.pressed.button.isConnected) return;
    if (document.activeElement === document.body)
      this.$el.querySelector(`tr[data-session="${CSS.escape(this.pressed.id)}"] a`)?.focus();
    this.pressed = null;
  },
  methods: {
    act(event, action, id) {
      this.pressed = { button: event.currentTarget, id };
      this.$emit("act", action, id);
    },
    relative(at) {
      const seconds = at - this.now;
      const [unit, size] = UNITS.find(([, size, least]) => Math.abs(seconds) >= size * least) || ["s", 1];
      const text = `${Math.trunc(Math.abs(seconds) / size)} ${unit}`;
      return seconds < 0 ? `${text} ago` : `in ${text}`;
    },
    exact: (at) => EXACT.format(at * 1000),
    iso: (at) => new Date(at * 1000).toISOString(),
    meter: (share) => (share === 0 ? "meter out" : share < 20 ? "meter low" : "meter"),
    // What changed, and not what is chosen then: a second tick may come before the first one was answered.
    pick(id, on) {
      this.$emit("choose", [id], on);
    },
    pickAll(on) {
      this.$emit("choose", this.rows.map((row) => row.id), on);
    },
    ordered(column) {
      const key = SORTED[column];
      return this.sort === key ? "ascending" : "none";
    },
    order(column) {
      const key = SORTED[column];
      this.$emit("sort", this.sort === key ? "newest" : key);
    },
  },
  template: `
    <div class="scroll">
      <table class="table cards">
        <caption class="unseen">Sessions</caption>
        <thead>
          <tr>
            <th scope="col"><input type="checkbox" aria-label="Choose all on this page" :checked="all" @change="pickAll($event.target.checked)"></th>
            <th scope="col">Status</th>
            <th scope="col" :aria-sort="ordered('label')">
              <button type="button" class="sort" :class="{on: sort === 'label'}" @click="order('label')">Label <span aria-hidden="true">{{ sort === 'label' ? '↑' : '↕' }}</span></button>
            </th>
            <th v-for="[key, name] in columns" :key="key" scope="col" :aria-sort="key === 'ends' ? ordered(key) : null" :class="{number: key === 'refusals'}">
              <button v-if="key === 'ends'" type="button" class="sort" :class="{on: sort === 'expiry'}" @click="order(key)">{{ name }} <span aria-hidden="true">{{ sort === 'expiry' ? '↑' : '↕' }}</span></button>
              <template v-else>{{ name }}</template>
            </th>
            <th scope="col"><span class="unseen">Actions</span></th>
          </tr>
        </thead>
        <tbody>
          <tr v-for="row in rows" :key="row.id" :data-session="row.id" :class="{chosen: chosen.includes(row.id)}">
            <td class="pick"><input type="checkbox" :aria-label="'Choose ' + row.name" :checked="chosen.includes(row.id)" @change="pick(row.id, $event.target.checked)"></td>
            <td class="state"><span class="status" :class="row.status"><span>{{ row.status }}</span></span></td>
            <td class="name">
              <a class="label" :href="'/sessions/' + encodeURIComponent(row.id)" :title="row.name">{{ row.name }}</a>
              <span class="below mono" :title="row.id">{{ row.id.slice(0, 14) }}…</span>
            </td>
            <td v-if="shown.agent" class="minor agent" :title="row.agent" :class="{none: !row.agent}" :data-name="names.agent">{{ row.agent || '–' }}</td>
            <td v-if="shown.chain" class="minor nowrap" :data-name="names.chain">{{ row.chain }}</td>
            <td v-if="shown.left" class="left" :key="row.id + 'left' + (changed[row.id] || 0)" :class="{fresh: changed[row.id]}">
              <span class="nowrap"><span class="strong">{{ row.left }}</span> <span class="quiet">{{ row.budget }}</span></span>
              <span v-if="row.share !== null" :class="meter(row.share)" role="img" :aria-label="row.share + ' % left'"><i :style="{width: row.share + '%'}"></i></span>
            </td>
            <td v-if="shown.windows" class="minor" :class="{none: !row.windows.length}" :data-name="names.windows">
              <span v-for="one in row.windows" :key="one.name" class="nowrap below"><span :class="one.share === 0 ? 'bad' : one.share < 20 ? 'warn' : ''">{{ one.left }}</span> / {{ one.name }}</span>
              <template v-if="!row.windows.length">–</template>
            </td>
            <td v-if="shown.ends" class="minor nowrap" :data-name="names.ends"><time :datetime="iso(row.ends)" :title="exact(row.ends)" :class="row.ends - now < 3600 && row.ends > now ? 'warn' : ''">{{ relative(row.ends) }}</time></td>
            <td v-if="shown.parent" class="minor" :class="{none: !row.parent}" :data-name="names.parent"><a v-if="row.parent" class="mono" :href="'/sessions/' + encodeURIComponent(row.parent)">{{ row.parent.slice(0, 12) }}…</a><template v-else>–</template></td>
            <td v-if="shown.unknown" class="minor" :class="{none: !row.unknown}" :data-name="names.unknown"><span v-if="row.unknown" class="tag warn" :title="'Oldest: ' + exact(row.unknown.since)">{{ row.unknown.count }}, {{ relative(row.unknown.since) }}</span><template v-else>–</template></td>
            <td v-if="shown.refusals" class="minor number" :class="{none: !row.refusals}" :data-name="names.refusals"><span v-if="row.refusals" class="tag bad">{{ row.refusals }}</span><template v-else>–</template></td>
            <td class="actions">
              <button v-if="row.may.pause" type="button" class="button bare square" :aria-label="'Pause ' + row.name" title="Pause" @click="act($event, 'pause', row.id)"><svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M9 6v12M15 6v12"/></svg></button>
              <button v-if="row.may.resume" type="button" class="button bare square" :aria-label="'Resume ' + row.name" title="Resume" @click="act($event, 'resume', row.id)"><svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M8 5l11 7-11 7z"/></svg></button>
              <button v-if="row.may.revoke" type="button" class="button bare square danger" :aria-label="'Revoke ' + row.name" title="Revoke" @click="act($event, 'revoke', row.id)"><svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M6 6l12 12M18 6L6 18"/></svg></button>
            </td>
          </tr>
        </tbody>
      </table>
    </div>
  `,
};
