// Everything known about the objects of one scope, by type and id. Answers and live changes meet here in any order;
// an object's version decides, so an old answer never undoes a newer change and a deleted object stays deleted.
export interface Entity {
  id: string;
  version?: number;
}

export class Store {
  #objects = new Map<string, Entity>();
  #deleted = new Set<string>();
  #listeners = new Set<() => void>();
  #scheduled = false;
  #delayMs: number;

  /** Listeners hear of many changes at once, at most every delayMs. */
  constructor(delayMs = 40) {
    this.#delayMs = delayMs;
  }

  get<T extends Entity>(type: string, id: string): T | undefined {
    return this.#objects.get(`${type}:${id}`) as T | undefined;
  }

  isDeleted(type: string, id: string) {
    return this.#deleted.has(`${type}:${id}`);
  }

  /** True when the object was new or newer than what was known. */
  put(type: string, object: Entity): boolean {
    const key = `${type}:${object.id}`;
    if (this.#deleted.has(key)) return false;
    const known = this.#objects.get(key);
    if (known && known.version !== undefined && object.version !== undefined && object.version < known.version)
      return false;
    this.#objects.set(key, known ? { ...known, ...object } : object);
    this.#changed();
    return true;
  }

  /** A guess about an act that can be undone. The returned function takes it back unless the server has spoken since. */
  guess<T extends Entity>(type: string, id: string, patch: Partial<T>): () => void {
    const key = `${type}:${id}`;
    const before = this.#objects.get(key);
    if (!before) return () => undefined;
    const guessed = { ...before, ...patch };
    this.#objects.set(key, guessed);
    this.#changed();
    return () => {
      if (this.#objects.get(key) === guessed) {
        this.#objects.set(key, before);
        this.#changed();
      }
    };
  }

  remove(type: string, id: string) {
    const key = `${type}:${id}`;
    this.#deleted.add(key);
    // The last known shape stays readable: a row that is being looked at is struck through, not torn away.
    this.#changed();
  }

  listen(listener: () => void) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #changed() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => {
      this.#scheduled = false;
      for (const listener of this.#listeners) listener();
    }, this.#delayMs);
  }
}
