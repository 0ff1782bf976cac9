// Waiting times before reconnecting, as in clientapp/core/backoff.py.

const BASE_SECONDS = 0.25;
const CAP_SECONDS = 10;

/**
 * Yield the seconds to wait before each attempt, endlessly: random values from
 * 0 to a ceiling that doubles. The caller creates a new one once a connection
 * has proved itself.
 */
export function* backoff(random) {
  for (let ceiling = BASE_SECONDS; ; ceiling = Math.min(2 * ceiling, CAP_SECONDS)) {
    yield random() * ceiling;
  }
}
