// What an open queue works with. WatchdogQueue loads it when the first one is opened.

export { openStore } from './connect'
export { addItems, attach, seal } from './incarnation/attach'
export { create } from './incarnation/create'
export { destroy } from './incarnation/destroy'
export { Consumer } from './items/consumer'
export { clearTimers } from './master/clear-timers'
export { deadLetters, redrive } from './master/dead-letters'
export { events } from './master/events'
export { countItems, timerInfos, waitDone, waitStarted, waitSync } from './master/waits'
export { AttachedQueue } from './members/attached-queue'
export { countTimers } from './timer-report'
export { createTimer } from './worker/create-timer'
