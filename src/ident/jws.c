/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed tokens.
 */
#include "ident/jws.h"
