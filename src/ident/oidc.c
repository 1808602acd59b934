/* SPDX-License-Identifier: Apache-2.0
 *
 * A provider's answers.
 */
#include "ident/oidc.h"
