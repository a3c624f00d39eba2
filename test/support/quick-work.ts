// Batches of work grow while it is quick, which a test must not leave to the machine it runs on.

import { BatchSize } from '../../lib/queue/worker/batch-size'

/** From here on all work seems to take no time, in this process; undone by what it returns. */
export function quickWork(): () => void {
  const { begin, end } = BatchSize.prototype
  BatchSize.prototype.begin = function (items) {
    atOnce(() => begin.call(this, items))
  }
  BatchSize.prototype.end = function () {
    atOnce(() => end.call(this))
  }
  return () => Object.assign(BatchSize.prototype, { begin, end })
}

function atOnce(act: () => void): void {
  const { now } = performance
  performance.now = () => 0
  try {
    act()
  } finally {
    performance.now = now
  }
}
