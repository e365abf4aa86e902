/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    max_tests = 512,
    exit_skipped = 77,
    /* Real seconds; a test that needs more has stopped making progress. */
    test_timeout = 120
};

typedef struct test {
    const char *name;
    test_function function;
} test;

static test tests[max_tests];
static unsigned test_count;
static bool last_instance;
static bool verbose;

void test_register(const char *name, test_function function)
{
    if (test_count == max_tests) {
        fprintf(stderr, "harness: more than %d tests\n", (int)max_tests);
        abort();
    }
    tests[test_count].name = name;
    tests[test_count].function = function;
    test_count++;
}

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "    %s:%d: ", file, line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    fflush(NULL);
    /* Not exit(): a test that stops in the middle holds memory, and the leak
     * checker's report would hide the failed check. */
    _exit(1);
}

void test_skip(const char *reason)
{
    printf("skipped: %s\n", reason);
    fflush(NULL);
    _exit(exit_skipped);
}

bool test_last_instance(void)
{
    return last_instance;
}

bool test_verbose(void)
{
    return verbose;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const test *)left)->name, ((const test *)right)->name);
}

/* Returns the exit code: 0, exit_skipped or anything else for a failure. */
static int run(const test *one)
{
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        return 1;
    }
    if (child == 0) {
        alarm(test_timeout);
        one->function();
        /* exit() runs the leak checker of a sanitizer build. */
        exit(0);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child) {
        perror("waitpid");
        return 1;
    }
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "    ended by signal %d\n", WTERMSIG(status));
    }
    const char *verdict = code == 0 ? "ok" : code == exit_skipped ? "skipped" : "FAILED";
    printf("%s: %s\n", one->name, verdict);
    return code;
}

static int usage(const char *program)
{
    fprintf(stderr,
            "usage: %s [--list] [--last] [--verbose] [NAME...]\n"
            "  --list     print the names of the tests\n"
            "  --last     run on the last stack instance of the build\n"
            "  --verbose  print every packet\n",
            program);
    return 2;
}

int main(int argc, char **argv)
{
    qsort(tests, test_count, sizeof tests[0], by_name);
    int first_name = 1;
    for (; first_name < argc && strncmp(argv[first_name], "--", 2) == 0; first_name++) {
        if (strcmp(argv[first_name], "--list") == 0) {
            for (unsigned i = 0; i < test_count; i++) {
                puts(tests[i].name);
            }
            return 0;
        }
        if (strcmp(argv[first_name], "--last") == 0) {
            last_instance = true;
        } else if (strcmp(argv[first_name], "--verbose") == 0) {
            verbose = true;
        } else {
            return usage(argv[0]);
        }
    }

    unsigned passed = 0;
    unsigned failed = 0;
    unsigned skipped = 0;
    for (unsigned i = 0; i < test_count; i++) {
        bool wanted = first_name == argc;
        for (int name = first_name; name < argc; name++) {
            wanted = wanted || strcmp(argv[name], tests[i].name) == 0;
        }
        if (wanted) {
            int code = run(&tests[i]);
            passed += code == 0;
            skipped += code == exit_skipped;
            failed += code != 0 && code != exit_skipped;
        }
    }
    if (passed + failed + skipped == 0) {
        fprintf(stderr, "no such test\n");
        return 2;
    }
    printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed != 0 ? 1 : passed == 0 ? exit_skipped : 0;
}
