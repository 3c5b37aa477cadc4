// Everything that makes and checks bundles.
#pragma once
#include "author/new.h"
#include "author/pack.h"
#include "author/record.h"
#include "author/verify.h"
#include "author/version.h"
#include "bundle/diff.h"
#include "bundle/history.h"
#include "bundle/unpack.h"
