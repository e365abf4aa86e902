/* tunflow-shim-bench: what a packet costs in the native library, from the wire to its upstream's side and back. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counter.h"
#include "scenarios.h"

enum { FLOWS = 8, FEW = 100, MANY = 50000, SUPER = 44 * SEGMENT_BYTES, MOST = 32, SKIPPED = 77 };
enum { ROUNDS_TIMED = 8, PACKETS_TIMED = 100000 };
/* Instructions are those of samples that are spread over some of lwIP's ticks. */
enum { ROUNDS_COUNTED = 20, PACKETS_COUNTED = 1000, PACKETS_BETWEEN = 11500 };
enum { PACKETS_PER_CONNECTION = 8 };

static const scenario s_bulk[] = {
    {"TCP up, segments of 1460", "packet", flows_open, flows_upload, scenario_close, SEGMENT_BYTES, 32, false},
    {"TCP up, super-packets of 64240", "1460 bytes", flows_open, flows_upload, scenario_close, SUPER, 1, true},
    {"TCP down, writes of 1460", "packet", flows_open, flows_download, scenario_close, SEGMENT_BYTES, 1, false},
    {"TCP down, writes of 64240", "1460 bytes", flows_open, flows_download, scenario_close, SUPER, 1, true},
    {"UDP in, 64 bytes", "packet", sessions_open, sessions_receive, scenario_close, 64, 1, false},
    {"UDP in, 1472 bytes", "packet", sessions_open, sessions_receive, scenario_close, 1472, 1, false},
    {"UDP out, 64 bytes", "packet", sessions_open, sessions_send, scenario_close, 64, 1, false},
    {"UDP out, 1472 bytes", "packet", sessions_open, sessions_send, scenario_close, 1472, 1, false},
    {"TCP connection, SYN to closed", "connection", flows_open, flows_connect, scenario_close, 0, 1, false},
};

/* Small packets: with large ones the bytes would hide what finding the flow costs. */
static const scenario s_flat[] = {
    {"TCP up, 64 bytes", "packet", flows_open, flows_upload, scenario_close, 64, 1, false},
    {"TCP down, 64 bytes", "packet", flows_open, flows_download, scenario_close, 64, 1, false},
    {"UDP in, 64 bytes", "packet", sessions_open, sessions_receive, scenario_close, 64, 1, false},
    {"UDP out, 64 bytes", "packet", sessions_open, sessions_send, scenario_close, 64, 1, false},
    {"TCP connection, SYN to closed", "connection", flows_open, flows_connect, scenario_close, 0, 1, false},
};

typedef struct plan {
    const scenario *what;
    uint32_t flows;
    double instructions;
    double nanoseconds;
} plan;

/* With --flat each scenario twice in a row: few flows, many flows. */
static plan s_plan[MOST];
static uint32_t s_plan_count;

static uint32_t amount(const scenario *what, uint32_t packets)
{
    return what->run == flows_connect ? packets / PACKETS_PER_CONNECTION : packets;
}

/* Other programs only ever add time: the least of some rounds is the nearest to the truth. Two by turns, so that both meet the same. */
static void measure_time(plan *plans, uint32_t count)
{
    world *worlds[2];
    for (uint32_t i = 0; i < count; i++) {
        worlds[i] = plans[i].what->open(plans[i].what, plans[i].flows);
    }
    for (uint32_t round = 0; round < ROUNDS_TIMED; round++) {
        for (uint32_t i = 0; i < count; i++) {
            const scenario *what = plans[i].what;
            counter_begin();
            uint32_t done = what->run(worlds[i], what, amount(what, PACKETS_TIMED));
            double each = (double)counter_end().nanoseconds / done;
            plans[i].nanoseconds = round == 0 || each < plans[i].nanoseconds ? each : plans[i].nanoseconds;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        plans[i].what->close(worlds[i]);
    }
}

static double count_instructions(const plan *one)
{
    const scenario *what = one->what;
    world *w = what->open(what, one->flows);
    uint64_t instructions = 0, done = 0;
    for (uint32_t round = 0; round < ROUNDS_COUNTED; round++) {
        what->run(w, what, amount(what, PACKETS_BETWEEN));
        counter_begin();
        done += what->run(w, what, amount(what, PACKETS_COUNTED));
        instructions += counter_end().instructions;
    }
    what->close(w);
    return (double)instructions / (double)done;
}

/* Without a counter in hardware: this program once more under callgrind, telling its counts line by line. */
static bool count_in_valgrind(const char *self, const char *mode)
{
    char directory[] = "/tmp/tunflow-shim-bench-XXXXXX";
    char command[8192];
    if (mkdtemp(directory) == NULL) {
        perror("shim-bench: mkdtemp");
        exit(1);
    }
    snprintf(command, sizeof command,
             "command -v valgrind >/dev/null && exec valgrind -q --tool=callgrind --collect-atstart=no --instr-atstart=no "
             "--callgrind-out-file=%s/out '%s' %s --dumps %s/out", directory, self, mode, directory);
    FILE *output = popen(command, "r");
    if (output == NULL) {
        perror("shim-bench: popen");
        exit(1);
    }
    uint32_t count = 0;
    while (count < s_plan_count && fscanf(output, "%lf", &s_plan[count].instructions) == 1) {
        count++;
    }
    int status = pclose(output);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    if (system(command) != 0) {
        fprintf(stderr, "shim-bench: %s is left behind\n", directory);
    }
    if (count != 0 && (count != s_plan_count || status != 0)) {
        world_fail("callgrind ended early, with figures", count);
    }
    return count != 0;
}

static void print(bool counted)
{
    printf("| what | flows | per | instructions | ns |\n|---|---:|---|---:|---:|\n");
    for (uint32_t i = 0; i < s_plan_count; i++) {
        printf("| %s | %" PRIu32 " | %s | ", s_plan[i].what->name, s_plan[i].flows, s_plan[i].what->unit);
        if (counted) {
            printf("%.0f", s_plan[i].instructions);
        }
        printf(" | %.0f |\n", s_plan[i].nanoseconds);
    }
}

/* Returns the program's exit code. */
static int judge(bool counted)
{
    const double most_instructions = 1.2, most_time = 5;
    int failures = 0;
    printf("\n%d flows in random order against %d, at most %.1f times the instructions and %.0f times the time:\n", MANY, FEW,
           most_instructions, most_time);
    for (uint32_t i = 0; i < s_plan_count; i += 2) {
        double instructions = s_plan[i + 1].instructions / s_plan[i].instructions;
        double time = s_plan[i + 1].nanoseconds / s_plan[i].nanoseconds;
        bool good = (!counted || instructions <= most_instructions) && time <= most_time;
        printf("%s %s: ", good ? "ok    " : "FAILED", s_plan[i].what->name);
        if (counted) {
            printf("instructions x%.2f, ", instructions);
        }
        printf("time x%.1f\n", time);
        failures += !good;
    }
    if (failures == 0 && !counted) {
        printf("Instructions were not counted: neither the processor's counter nor valgrind is to be had.\n");
        return SKIPPED;
    }
    return failures != 0;
}

static void make_plan(bool flat)
{
    const scenario *scenarios = flat ? s_flat : s_bulk;
    size_t count = flat ? sizeof s_flat / sizeof s_flat[0] : sizeof s_bulk / sizeof s_bulk[0];
    for (size_t i = 0; i < count; i++) {
        s_plan[s_plan_count++] = (plan){.what = &scenarios[i], .flows = flat ? FEW : FLOWS};
        if (flat) {
            s_plan[s_plan_count++] = (plan){.what = &scenarios[i], .flows = MANY};
        }
    }
}

int main(int argc, char **argv)
{
    bool flat = argc > 1 && strcmp(argv[1], "--flat") == 0;
    bool bulk = argc > 1 && strcmp(argv[1], "--bulk") == 0;
    const char *dumps = argc == 4 && strcmp(argv[2], "--dumps") == 0 ? argv[3] : NULL;
    if ((!flat && !bulk) || (argc != 2 && dumps == NULL)) {
        fprintf(stderr, "usage: tunflow-shim-bench --bulk | --flat\n\n"
                        "  --bulk  what packets, datagrams and connections cost\n"
                        "  --flat  fails if %d flows in random order cost much more than %d\n", MANY, FEW);
        return 2;
    }
    make_plan(flat);
    counter_kind kind = counter_open(dumps);
    if (dumps != NULL) {
        for (uint32_t i = 0; i < s_plan_count; i++) {
            printf("%f\n", count_instructions(&s_plan[i]));
            fflush(stdout);
        }
        return kind == COUNTER_VALGRIND ? 0 : 1;
    }

    uint32_t together = flat ? 2 : 1;
    for (uint32_t i = 0; i < s_plan_count; i += together) {
        measure_time(&s_plan[i], together);
    }
    bool counted = kind == COUNTER_HARDWARE;
    if (counted) {
        for (uint32_t i = 0; i < s_plan_count; i++) {
            s_plan[i].instructions = count_instructions(&s_plan[i]);
        }
    } else {
        counted = count_in_valgrind(argv[0], argv[1]);
    }
    printf("Instructions: %s. Time: this thread's on the processor, the least of %d rounds.\n\n",
           kind == COUNTER_HARDWARE ? "the processor's own counter, user mode" : counted ? "callgrind" : "not counted", ROUNDS_TIMED);
    print(counted);
    return flat ? judge(counted) : 0;
}
