/* The subcommands: argv without the program's name and theirs; the exit code. */
#ifndef TUNFLOW_LOAD_COMMANDS_H
#define TUNFLOW_LOAD_COMMANDS_H

int serve_run(int argc, char **argv);
int connections_run(int argc, char **argv);
int pingpong_run(int argc, char **argv);
int udp_run(int argc, char **argv);
int idle_run(int argc, char **argv);
int stuck_run(int argc, char **argv);

#endif
