// How long to wait before the next try, as in clientapp/core/backoff.py.

const BASE_SECONDS = 0.25;
const CAP_SECONDS = 10;

/**
 * Yield the seconds to wait before each try, without end: anywhere between 0
 * and a ceiling that doubles. The caller makes a new one once a connection has
 * proved itself.
 */
export function* backoff(random) {
  for (let ceiling = BASE_SECONDS; ; ceiling = Math.min(2 * ceiling, CAP_SECONDS)) {
    yield random() * ceiling;
  }
}
