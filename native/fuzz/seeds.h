/* SPDX-License-Identifier: Apache-2.0
 *
 * Seeds that need more than well-formed operations in a row; each writes its
 * programs to the directory.
 */
#ifndef TUNFLOW_FUZZ_SEEDS_H
#define TUNFLOW_FUZZ_SEEDS_H

void seeds_of_reactions(const char *directory);
void seeds_of_recovery(const char *directory);
void seeds_of_holes(const char *directory);
void seeds_of_closing(const char *directory);
void seeds_of_fragments(const char *directory);

#endif
