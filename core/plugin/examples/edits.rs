//! A plugin in Rust, over the C ABI alone: how far two texts are apart. The types mirror those of mrun/types.h and mrun/plugin.h
//! as far as this plugin reads them; the host says by `size` that it has them.
use std::os::raw::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::{panic, ptr, slice, str};

const OK: c_int = 0; // mrun_code
const MEMORY: c_int = 10;
const INTERNAL: c_int = 16;
const INT: u32 = 2; // mrun_kind
const ABI_1_0: u32 = 1 << 16;

#[repr(C)]
#[derive(Clone, Copy)]
struct Text {
    data: *const u8,
    size: usize,
}

#[repr(C)]
union Content {
    integer: i64,
    text: Text,
}

#[repr(C)]
struct Value {
    kind: u32,
    flags: u32,
    content: Content,
    owner: *mut c_void,
}

#[repr(C)]
struct Op {
    size: u32,
    flags: u32,
    schema: *const c_char,
    doc: *const c_char,
    signature: *const c_char,
    call: unsafe extern "C" fn(*mut c_void, *const Value, *mut Value, *mut c_void) -> c_int,
    user: *mut c_void,
}
unsafe impl Sync for Op {} // only read

#[repr(C)]
struct Plugin {
    size: u32,
    abi: u32,
    name: *const c_char,
    version: *const c_char,
    doc: *const c_char,
    license: *const c_char,
    lua: *const c_char,
    registry: *mut c_void,
}

/// Its first members.
#[repr(C)]
struct Host {
    size: u32,
    abi: u32,
    version: *const c_char,
    add_op: unsafe extern "C" fn(*mut c_void, *const Op) -> c_int,
    add_type: *const c_void,
    add_namespace: *const c_void,
    add_backend: *const c_void,
    fail: unsafe extern "C" fn(*mut c_void, c_int, *const c_char, ...) -> c_int,
    log: *const c_void,
    stopped: unsafe extern "C" fn(*mut c_void) -> c_int,
    alloc: *const c_void,
    release: *const c_void,
    charge: unsafe extern "C" fn(*mut c_void, i64) -> c_int,
}

static HOST: AtomicPtr<Host> = AtomicPtr::new(ptr::null_mut());

/// One call in progress.
struct Call {
    host: &'static Host,
    raw: *mut c_void,
}

fn checked(code: c_int) -> Result<(), c_int> {
    if code == OK { Ok(()) } else { Err(code) }
}

impl Call {
    fn poll(&self) -> Result<(), c_int> {
        checked(unsafe { (self.host.stopped)(self.raw) })
    }
    fn charge(&self, bytes: usize) -> Result<(), c_int> {
        checked(unsafe { (self.host.charge)(self.raw, bytes as i64) })
    }
    /// The message goes through a format, so that it is one of ours: zero-terminated and without a percent sign.
    fn fail(&self, code: c_int, message: &'static str) -> c_int {
        unsafe { (self.host.fail)(self.raw, code, message.as_ptr() as *const c_char) }
    }
}

/// Row by row of the table of distances between what both texts begin with.
fn distance(call: &Call, a: &str, b: &str) -> Result<i64, c_int> {
    let width = b.chars().count() + 1;
    call.charge(width * 8)?;
    let mut row = Vec::new();
    if row.try_reserve_exact(width).is_err() {
        return Err(call.fail(MEMORY, "edits.distance: no memory for a row\0"));
    }
    row.extend(0..width as i64);
    for (i, x) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = i as i64 + 1;
        for (j, y) in b.chars().enumerate() {
            if j % 4096 == 0 {
                call.poll()?;
            }
            let replaced = before + i64::from(x != y);
            before = row[j + 1];
            row[j + 1] = replaced.min(before.min(row[j]) + 1);
        }
    }
    Ok(row[width - 1])
}

/// What the host lends for the call: UTF-8, as its manual says.
unsafe fn lent<'a>(value: *const Value) -> &'a str {
    let text = (*value).content.text;
    if text.size == 0 { "" } else { str::from_utf8_unchecked(slice::from_raw_parts(text.data, text.size)) }
}

unsafe extern "C" fn run(raw: *mut c_void, args: *const Value, results: *mut Value, _: *mut c_void) -> c_int {
    let call = Call { host: &*HOST.load(Ordering::Acquire), raw };
    // No panic may cross into C.
    match panic::catch_unwind(panic::AssertUnwindSafe(|| distance(&call, lent(args), lent(args.add(1))))) {
        Ok(Ok(apart)) => {
            (*results).kind = INT;
            (*results).content.integer = apart;
            OK
        }
        Ok(Err(code)) => code,
        Err(_) => call.fail(INTERNAL, "edits.distance: a panic\0"),
    }
}

// What is registered must live as long as the process.
static DISTANCE: Op = Op {
    size: std::mem::size_of::<Op>() as u32,
    flags: 0,
    schema: "edits.distance@1(str a, str b) -> int\0".as_ptr() as *const c_char,
    doc: "How many letters must be put in, taken out or replaced to make b of a.\0".as_ptr() as *const c_char,
    signature: ptr::null(),
    call: run,
    user: ptr::null_mut(),
};

#[no_mangle]
unsafe extern "C" fn mrun_plugin_init(host: *mut Host, plugin: *mut Plugin) -> c_int {
    HOST.store(host, Ordering::Release);
    (*plugin).size = std::mem::size_of::<Plugin>() as u32;
    (*plugin).abi = ABI_1_0;
    (*plugin).name = "edits\0".as_ptr() as *const c_char;
    (*plugin).version = "1.0.0\0".as_ptr() as *const c_char;
    (*plugin).doc = "How far two texts are apart.\0".as_ptr() as *const c_char;
    ((*host).add_op)((*plugin).registry, &DISTANCE)
}
