/* The latch (native/core/latch.h): one writer, three publications, records of two words, one reader.
 *
 * Must fail with: RELAXED_ODD RELAXED_EVEN NO_WRITER_FENCE RELAXED_LOAD NO_READER_FENCE WIDE_CHECK ONE_BUFFER
 *
 * spin runs one step at a time, so the memory model is written out: that of C++ without load buffering,
 * with messages and views. Every store leaves a message that stays; a load takes any message that is no
 * older than what its thread knows of (its view). What a message teaches besides its value:
 *
 *   release store       all that its writer had done before
 *   store after a release fence   all that its writer had done before the fence
 *   relaxed store       nothing
 *
 * A thread learns it with an acquire load at once, with a relaxed load at its next acquire fence. As there is
 * one writer, what it had done at each message is a number: publication p is complete or not.
 *
 *   seq      message t has the value t: 0, 1 (odd: publication 1 begins), 2 (it is complete), 3, ...
 *   word     of buffer p % 2, message p has the value p, for the publication that wrote it
 *
 * The reader may run while the writer stands still at any place, for ever: that is also a killed writer.
 */
#define PUBLICATIONS 3

#ifdef ONE_BUFFER
#define BUFFER(p) 0
#else
#define BUFFER(p) ((p) % 2)
#endif

byte seq = 0;      /* newest message of seq */
byte word0 = 0;    /* newest publication that has stored its word 0, in whichever buffer */
byte word1 = 0;

/* All words of which publications the message t of seq teaches: 0 is the record before the first. */
#ifdef RELAXED_ODD
#define ODD_TEACHES(t) ((t) / 2 > 0 -> (t) / 2 - 1 : 0)   /* what the fence before it had seen */
#else
#define ODD_TEACHES(t) ((t) / 2)
#endif
#ifdef RELAXED_EVEN
#define EVEN_TEACHES(t) ((t) / 2 > 0 -> (t) / 2 - 1 : 0)  /* its own record came after the fence */
#else
#define EVEN_TEACHES(t) ((t) / 2)
#endif
#define TEACHES(t) ((t) % 2 -> ODD_TEACHES(t) : EVEN_TEACHES(t))

active proctype writer() {
  byte p;
  for (p : 1 .. PUBLICATIONS) {
    seq = 2 * p - 1;
    /* fence(release): what a word teaches, in the reader below */
    if
    :: word0 = p; word1 = p
    :: word1 = p; word0 = p
    fi;
    seq = 2 * p
  }
}

/* A load of one word: any message of that buffer that is not older than `known`. */
inline load_word(newest, known, value) {
  value = known;
  do
  :: value + 1 <= newest && BUFFER(value + 1) == BUFFER(known) -> value = value + 1
  :: value + 2 <= newest && BUFFER(value + 2) == BUFFER(known) -> value = value + 2
  :: break
  od;
  /* A word after the writer's release fence teaches that its publication had begun. */
#ifndef NO_WRITER_FENCE
  if :: value > 0 && 2 * value - 1 > pending -> pending = 2 * value - 1 :: else fi
#endif
}

inline load_seq(value) {
  value = knows_seq;
  do
  :: value < seq -> value++
  :: break
  od;
  knows_seq = value
}

active proctype reader() {
  byte knows_seq = 0;    /* the reader's view */
  byte knows = 0;        /* words of this publication and all before it */
  byte pending = 0;      /* learnt by relaxed loads, for the next fence */
  byte first, a, base, value0, value1, last;
  byte newest_read = 0;
  byte reads = 0;

  do
  :: reads < 2 ->
     atomic {
       load_seq(first);
#ifndef RELAXED_LOAD
       if :: TEACHES(first) > knows -> knows = TEACHES(first) :: else fi
#endif
     }
     a = first - first % 2;
     /* Of the buffer that holds publication a / 2: the oldest that the view allows. */
     base = (knows > a / 2 -> knows : a / 2);
     if
     :: knows < a / 2 ->   /* nothing was learnt: anything this buffer ever held */
        base = BUFFER(a / 2)
     :: else -> base = (BUFFER(base) == BUFFER(a / 2) -> base : base - 1)
     fi;
     /* loads of words may be done in any order */
     if
     :: atomic { load_word(word0, base, value0) }; atomic { load_word(word1, base, value1) }
     :: atomic { load_word(word1, base, value1) }; atomic { load_word(word0, base, value0) }
     fi;
#ifndef NO_READER_FENCE
     if :: pending > knows_seq -> knows_seq = pending :: else fi;
#endif
     atomic { load_seq(last) };
     if
#ifdef WIDE_CHECK
     :: last - a <= 3 ->
#else
     :: last - a <= 2 ->
#endif
        assert(value0 == value1);          /* one whole record */
        assert(value0 == a / 2);           /* the one that seq spoke of */
        assert(value0 >= newest_read);     /* never an older one than before */
        newest_read = value0;
        reads++
     :: else -> skip                       /* lapped: again */
     fi
  :: else -> break
  od
}
