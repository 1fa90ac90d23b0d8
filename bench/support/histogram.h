// A log-linear histogram of nanoseconds: 64 buckets to each power of two, so a percentile is at
// most 1.6 % off, and recording is a few instructions.
#pragma once
#include <string.h>

enum { HISTOGRAM_BITS = 6, HISTOGRAM_SIZE = (64 - HISTOGRAM_BITS) << HISTOGRAM_BITS };

struct histogram {
  long long count, max;
  long long buckets[HISTOGRAM_SIZE];
};

static void histogram_record(struct histogram *h, long long value) {
  if (value < 1) value = 1;
  int shift = 63 - HISTOGRAM_BITS - __builtin_clzll(value);
  if (shift < 0) shift = 0;
  h->buckets[(shift << HISTOGRAM_BITS) + (value >> shift)]++;
  h->count++;
  if (value > h->max) h->max = value;
}

// The upper edge of the bucket that holds the given share (0 to 1) of the values.
static long long histogram_percentile(const struct histogram *h, double share) {
  long long wanted = share * h->count, seen = 0;
  for (int i = 0; i < HISTOGRAM_SIZE; i++) {
    seen += h->buckets[i];
    if (seen <= wanted) continue;
    int shift = i < 1 << (HISTOGRAM_BITS + 1) ? 0 : (i >> HISTOGRAM_BITS) - 1;
    long long edge = ((long long)(i - (shift << HISTOGRAM_BITS)) + 1) << shift;
    return edge < h->max ? edge : h->max;
  }
  return h->max;
}
