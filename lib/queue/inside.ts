// What an open queue works with. WatchdogQueue loads it when the first one is opened.

export {
  checkAddOptions,
  checkConnectOptions,
  checkCreateOptions,
  checkItemsOptions,
  checkTimerId,
} from './check-options'
export { canonicalUrl, openStore } from './connect'
export { attach, seal } from './incarnation/attach'
export { create } from './incarnation/create'
export { destroy } from './incarnation/destroy'
export { refuseCircle } from './incarnation/gate'
export { Consumer } from './items/consumer'
export { clearTimers } from './master/clear-timers'
export { deadLetters, redrive } from './master/dead-letters'
export { events } from './master/events'
export { countItems, listItems, listResults } from './master/looking'
export { timerInfos, waitDone, waitStarted, waitSync } from './master/waits'
export { AttachedQueue } from './members/attached-queue'
export { countTimers } from './timer-report'
export { createTimer } from './worker/create-timer'
