/* SPDX-License-Identifier: Apache-2.0
 *
 * A small test registry: every TEST(name) registers itself before main. A test
 * runs in a process of its own, so that a failed check can end it on the spot
 * and a crash, a hang or a leak is charged to the test that caused it.
 */
#ifndef TUNFLOW_TESTS_HARNESS_H
#define TUNFLOW_TESTS_HARNESS_H

#include <stdbool.h>
#include <stdint.h>

typedef void (*test_function)(void);

void test_register(const char *name, test_function function);

/* Ends the test with FAILED and the place. */
_Noreturn void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Ends the test as skipped: ctest reports exit code 77 as such. */
_Noreturn void test_skip(const char *reason);

/* Whether the tests run on the last stack instance of the build, not on the first. */
bool test_last_instance(void);
/* --verbose: the fixture prints every packet. */
bool test_verbose(void);

#define TEST(name)                                                                                 \
    static void name(void);                                                                        \
    __attribute__((constructor)) static void register_##name(void)                                 \
    {                                                                                              \
        test_register(#name, name);                                                                \
    }                                                                                              \
    static void name(void)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            test_fail(__FILE__, __LINE__, "%s", #condition);                                       \
        }                                                                                          \
    } while (0)

#define CHECK_EQ(expected, actual)                                                                 \
    do {                                                                                           \
        int64_t expected_ = (int64_t)(expected);                                                   \
        int64_t actual_ = (int64_t)(actual);                                                       \
        if (expected_ != actual_) {                                                                \
            test_fail(__FILE__, __LINE__, "%s: expected %lld, got %lld", #actual,                  \
                      (long long)expected_, (long long)actual_);                                   \
        }                                                                                          \
    } while (0)

#define CHECK_RANGE(low, high, actual)                                                             \
    do {                                                                                           \
        int64_t low_ = (int64_t)(low);                                                             \
        int64_t high_ = (int64_t)(high);                                                           \
        int64_t actual_ = (int64_t)(actual);                                                       \
        if (actual_ < low_ || actual_ > high_) {                                                   \
            test_fail(__FILE__, __LINE__, "%s: expected %lld..%lld, got %lld", #actual,            \
                      (long long)low_, (long long)high_, (long long)actual_);                      \
        }                                                                                          \
    } while (0)

#endif
