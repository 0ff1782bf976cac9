// An estimate of the server's clock from pings and pongs; docs/reference/protocol.md, "How a
// client measures latency". A stamp is in microseconds: `here` by the monotonic
// clock, `wall` since 1970.

const DRIFT = 100 / 1_000_000; // two quartz clocks, 50 ppm each
const RESOLUTION_US = 1000; // browsers blur their clocks by up to a millisecond
const STEP_US = 100_000; // wall and monotonic clock differ by this much only if one was set

const apart = (stamp) => stamp.wall - stamp.here;

/** An estimate of the server's clock, with a bound for its error. */
export class ServerClock {
  #best = null;
  #isOld = false;
  #apart = null;
  #doubt = 0;

  /** Discard older samples at the next pong: another server may answer from now on. */
  renew() {
    this.#isOld = true;
  }

  /** Check whether the browser's own clocks still agree. */
  notice(stamp) {
    const moved = this.#apart === null ? 0 : Math.abs(apart(stamp) - this.#apart);
    if (moved > STEP_US) {
      this.#doubt += moved;
      this.#isOld = true;
    }
    this.#apart = apart(stamp);
  }

  /** Process the pong to a ping that was sent at `t0`; ignore one from the future. */
  take(pong, stamp) {
    if (pong.t0 > stamp.here) return;
    const sample = {
      ahead: pong.now - (pong.t0 + stamp.here) / 2,
      bound: (stamp.here - pong.t0) / 2 + RESOLUTION_US,
      taken: stamp.here,
    };
    if (this.#best !== null && !this.#isOld && !this.#isBetter(sample)) return;
    this.#best = sample;
    this.#isOld = false;
    this.#doubt = 0;
  }

  /** Return the seconds from `due` on the server's clock to a stamp. */
  latency(stamp, due) {
    const here = this.#best === null ? stamp.wall : stamp.here + this.#best.ahead;
    return Math.round(here - due) / 1_000_000;
  }

  /** Return offset and error in seconds for the time between two stamps; null if unknown. */
  between(first, last) {
    if (this.#best === null) return null;
    const error = Math.max(this.#error(first.here), this.#error(last.here)) + this.#doubt;
    const step = Math.abs(apart(last) - apart(first));
    return {
      offset: Math.round(this.#best.ahead - apart(last)) / 1_000_000,
      error: Math.round(step > STEP_US ? Math.max(error, this.#best.bound + step) : error) / 1_000_000,
    };
  }

  #error(here) {
    return this.#best.bound + Math.abs(here - this.#best.taken) * DRIFT;
  }

  /** Tell whether a sample has a tighter bound than the current one, or contradicts it. */
  #isBetter(sample) {
    const error = this.#error(sample.taken);
    return sample.bound <= error || Math.abs(sample.ahead - this.#best.ahead) > sample.bound + error;
  }
}
