// Everything that makes, checks and shows bundles.
#pragma once
#include "author/inspect.h"
#include "author/new.h"
#include "author/pack.h"
#include "author/record.h"
#include "author/verify.h"
#include "author/version.h"
#include "bundle/diff.h"
#include "bundle/history.h"
#include "bundle/unpack.h"
