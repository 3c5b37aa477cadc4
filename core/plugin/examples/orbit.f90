! A plugin in another language, over the C ABI alone: Kepler's equation, solved for many mean anomalies at once. The types
! mirror those of mrun/types.h and mrun/plugin.h as far as this plugin reads them; the host says by `size` that it has them.
module orbit
  use, intrinsic :: iso_c_binding
  implicit none

  integer(c_int), parameter :: ok = 0, argument = 5                          ! mrun_code
  integer(c_int32_t), parameter :: kind_float = 3, kind_list = 6             ! mrun_kind
  integer(c_int32_t), parameter :: abi_1_0 = 65536

  type, bind(c) :: mrun_value
    integer(c_int32_t) :: kind = 0, flags = 0
    integer(c_int64_t) :: as(2) = 0                                          ! the union, by its bits
    type(c_ptr) :: owner = c_null_ptr
  end type

  type, bind(c) :: mrun_op
    integer(c_int32_t) :: size, flags
    type(c_ptr) :: schema, doc, signature
    type(c_funptr) :: call
    type(c_ptr) :: user
  end type

  type, bind(c) :: mrun_plugin
    integer(c_int32_t) :: size, abi
    type(c_ptr) :: name, version, doc, license, lua, registry
  end type

  type, bind(c) :: mrun_host                                                 ! its first members
    integer(c_int32_t) :: size, abi
    type(c_ptr) :: version
    type(c_funptr) :: add_op, add_type, add_namespace, add_backend
    type(c_funptr) :: fail, log, stopped
    type(c_funptr) :: alloc, release, charge
    type(c_funptr) :: tensor_new, tensor_give, string_new, list_new
  end type

  abstract interface
    integer(c_int) function add_op_fn(registry, op) bind(c)
      import
      type(c_ptr), value :: registry
      type(mrun_op), intent(in) :: op
    end function
    integer(c_int) function fail_fn(call, code, text) bind(c)                ! a format without arguments
      import
      type(c_ptr), value :: call
      integer(c_int), value :: code
      character(kind=c_char), intent(in) :: text(*)
    end function
    integer(c_int) function stopped_fn(call) bind(c)
      import
      type(c_ptr), value :: call
    end function
    integer(c_int) function list_new_fn(call, items, count, out) bind(c)
      import
      type(c_ptr), value :: call
      type(mrun_value), intent(inout) :: items(*)
      integer(c_size_t), value :: count
      type(mrun_value), intent(out) :: out
    end function
  end interface

  procedure(fail_fn), pointer, save :: host_fail
  procedure(stopped_fn), pointer, save :: host_stopped
  procedure(list_new_fn), pointer, save :: host_list_new

  ! What is registered must live as long as the process.
  character(kind=c_char, len=*), parameter :: end = c_null_char
  character(kind=c_char, len=80), target, save :: schema = &
    "orbit.kepler@1(float[] mean, float eccentricity=0.0) -> float[]" // end
  character(kind=c_char, len=80), target, save :: doc = "Eccentric anomalies for mean anomalies, in radians." // end
  character(kind=c_char, len=8), target, save :: name = "orbit" // end, version = "1.0.0" // end
  type(mrun_op), target, save :: op

contains

  ! E - e sin E = M, by Newton's method.
  pure real(c_double) function solved(mean, e)
    real(c_double), intent(in) :: mean, e
    integer :: step
    solved = mean + sign(e, sin(mean))
    do step = 1, 30
      solved = solved - (solved - e * sin(solved) - mean) / (1 - e * cos(solved))
    end do
  end function

  integer(c_int) function kepler(call, args, results, user) bind(c) result(code)
    type(c_ptr), value :: call, user
    type(mrun_value), intent(in) :: args(2)
    type(mrun_value), intent(inout) :: results(1)
    type(mrun_value), pointer :: given(:)
    type(mrun_value), allocatable :: solutions(:)
    real(c_double) :: e
    integer(c_size_t) :: n, i
    n = args(1)%as(2)
    e = transfer(args(2)%as(1), e)
    if (.not. (e >= 0 .and. e < 1)) then
      code = host_fail(call, argument, "orbit.kepler: eccentricity: want 0 to less than 1" // end)
      return
    end if
    call c_f_pointer(transfer(args(1)%as(1), c_null_ptr), given, [n])
    allocate (solutions(n))
    code = ok
    do i = 1, n
      if (mod(i, 1000_c_size_t) == 0) code = host_stopped(call)
      if (code /= ok) return
      solutions(i)%kind = kind_float
      solutions(i)%as(1) = transfer(solved(transfer(given(i)%as(1), e), e), solutions(i)%as(1))
    end do
    code = host_list_new(call, solutions, n, results(1))
  end function

  integer(c_int) function mrun_plugin_init(host, plugin) bind(c) result(code)
    type(mrun_host), intent(in) :: host
    type(mrun_plugin), intent(inout) :: plugin
    procedure(add_op_fn), pointer :: add_op
    call c_f_procpointer(host%add_op, add_op)
    call c_f_procpointer(host%fail, host_fail)
    call c_f_procpointer(host%stopped, host_stopped)
    call c_f_procpointer(host%list_new, host_list_new)
    plugin%size = int(c_sizeof(plugin), c_int32_t)
    plugin%abi = abi_1_0
    plugin%name = c_loc(name)
    plugin%version = c_loc(version)
    plugin%doc = c_loc(doc)
    op = mrun_op(int(c_sizeof(op), c_int32_t), 0, c_loc(schema), c_loc(doc), c_null_ptr, c_funloc(kepler), c_null_ptr)
    code = add_op(plugin%registry, op)
  end function
end module
