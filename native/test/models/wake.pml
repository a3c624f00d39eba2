/* Waking those who wait (native/core/wake.h): two writers publish one piece of news each, two waiters wait
 * until they have seen both. A sleeper that nobody wakes is an invalid end state.
 *
 * Must fail with: NO_WRITER_FENCE NO_WAITER_FENCE LATE_WAKE_LOAD NO_SECOND_LOOK NO_ADDITION
 *
 * What matters is a store that is followed by a load of another word, which x86 and Arm may both reorder. So
 * the two stores in question go through a store buffer, which is written to memory at the fence or
 * at any time of its own, and by then at the latest when its owner does a read-modify-write
 * that is a release. The model has no time-outs: the real waiter also wakes after a second.
 */
#define WRITERS 2
#define WAITERS 2

byte news = 0;
bool deadline = false;
byte wake = 0;
byte calls = 0;      /* of futex_wake */

bool news_buffered[WRITERS];
bool raise_buffered[WAITERS];

inline flush_news(me) {
  d_step { if :: news_buffered[me] -> news_buffered[me] = false; news++ :: else fi }
}

inline flush_raise(me) {
  d_step { if :: raise_buffered[me] -> raise_buffered[me] = false; deadline = true :: else fi }
}

proctype writer(byte me) {
  bool waited;
  news_buffered[me] = true;
#ifndef NO_WRITER_FENCE
  flush_news(me);
#endif
  if
  :: !deadline -> goto done
  :: else
  fi;
  flush_news(me);
  d_step { waited = deadline; deadline = false };
  if
  :: !waited -> goto done          /* whoever put the false there wakes */
  :: else
  fi;
#ifndef NO_ADDITION
  wake++;
#endif
  /* Whoever sleeps is woken: the sleepers below watch this. */
  calls++;
done:
  skip
}



/* Buffers drain by themselves, some time. */
proctype drain_writer(byte me) {
end:
  do
  :: atomic { news_buffered[me] -> flush_news(me) }
  od
}

proctype drain_waiter(byte me) {
end:
  do
  :: atomic { raise_buffered[me] -> flush_raise(me) }
  od
}

proctype waiter(byte me) {
  byte seen, called;
  do
  :: news == WRITERS -> break
  :: else ->
#ifndef LATE_WAKE_LOAD
     seen = wake;
#endif
     raise_buffered[me] = true;
#ifndef NO_WAITER_FENCE
     flush_raise(me);
#endif
#ifdef LATE_WAKE_LOAD
     seen = wake;
#endif
#ifndef NO_SECOND_LOOK
     if
     :: news == WRITERS -> break
     :: else
     fi;
#endif
     /* futex_wait: the kernel compares and goes to sleep in one step; it is no fence for us. */
     atomic {
       if
       :: wake != seen -> goto awake
       :: else -> called = calls
       fi
     };
     calls != called;
awake:
     skip
  od
}

init {
  byte i;
  atomic {
    for (i : 0 .. WRITERS - 1) { run writer(i); run drain_writer(i) };
    for (i : 0 .. WAITERS - 1) { run waiter(i); run drain_waiter(i) }
  }
}
