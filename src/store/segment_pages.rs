//! Devices of the members of segments, page by page.
//!
//! Invariant: a page looks at a bounded number of members and holds a bounded number of devices, however many members
//! have no device and however many devices a contact has.

use super::Page;
use super::audience::{is_full, read};
use super::codes::corrupt;
use super::entity::device::{Column, Entity};
use super::on::On;
use super::segment_members::{self, Pool};
use crate::domain::device::Device;
use crate::domain::ids::{DeviceKey, SegmentKey, WorkspaceId};
use crate::domain::segment::{SegmentKind, Version};
use crate::error::Result;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

/// How many members a page looks at.
const MEMBERS_MAX: u64 = 500;
/// Between the parts of a position; the last one may hold it too.
const BETWEEN: char = '/';

/// How far the members of a segment were gone through: all up to this one, and of it, where a device is named, the
/// devices up to that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The version at which the member has changed; 0 where members are gone through by name.
    pub version: Version,
    /// The member; none at the beginning.
    pub member: String,
    /// Its device.
    pub device: Option<DeviceKey>,
}

/// Which members of which segment are gone through.
#[derive(Clone, Copy, Debug)]
pub struct Through {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The segment.
    pub segment: SegmentKey,
    /// What its members are.
    pub kind: SegmentKind,
    /// Which of them.
    pub source: Source,
}

/// Which members are gone through, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A pool, by name.
    Pool(Pool),
    /// Those that have changed, in the order in which they did.
    Changed,
}

impl Position {
    /// Reads a stored one.
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Ok(Position::default());
        }
        let bad = || corrupt("position in a segment");
        let (version, rest) = text.split_once(BETWEEN).ok_or_else(bad)?;
        let (device, member) = rest.split_once(BETWEEN).ok_or_else(bad)?;
        let device = match device {
            "" => None,
            key => Some(key.parse().map_err(|_| bad())?),
        };
        let version = version.parse().map_err(|_| bad())?;
        Ok(Position { version, member: member.to_owned(), device })
    }

    /// As it is stored.
    pub fn text(&self) -> String {
        let device = self.device.map_or(String::new(), |key| key.to_string());
        format!("{}{BETWEEN}{device}{BETWEEN}{}", self.version, self.member)
    }
}

/// The next devices, and the position after them; none where nobody comes after. A page may be empty though others
/// follow.
pub async fn page(
    on: &impl On,
    through: Through,
    from: &Position,
    limit: u64,
) -> Result<(Vec<Device>, Option<Position>)> {
    if from.device.is_some() {
        let (devices, device) = of_one(on, through, from, limit).await?;
        return Ok((devices, Some(Position { device, ..from.clone() })));
    }
    let members = next_members(on, through, from).await?;
    let mut taken = members.len();
    while taken > 1 {
        let some = members.get(..taken).unwrap_or_default().iter().map(|(_, member)| member);
        let devices = read(on, of_members(through, some.collect()).limit(limit + 1)).await?;
        if !is_full(&devices, limit + 1) {
            return Ok((devices, position_after(&members, taken)));
        }
        taken /= 2;
    }
    let Some((version, member)) = members.first().cloned() else { return Ok((Vec::new(), None)) };
    let first = Position { version, member, device: None };
    let (devices, device) = of_one(on, through, &first, limit).await?;
    let is_last = device.is_none() && !is_full(&members, MEMBERS_MAX) && members.len() == 1;
    Ok((devices, (!is_last).then_some(Position { device, ..first })))
}

/// After so many of these members; none where they were the last ones.
fn position_after(members: &[(Version, String)], taken: usize) -> Option<Position> {
    if taken == members.len() && !is_full(members, MEMBERS_MAX) {
        return None;
    }
    let (version, member) = members.get(taken.checked_sub(1)?)?.clone();
    Some(Position { version, member, device: None })
}

async fn next_members(
    on: &impl On,
    through: Through,
    from: &Position,
) -> Result<Vec<(Version, String)>> {
    let segment = through.segment;
    match through.source {
        Source::Changed => {
            segment_members::changed(on, segment, (from.version, &from.member), MEMBERS_MAX).await
        }
        Source::Pool(pool) => {
            let after = Some(from.member.clone()).filter(|member| !member.is_empty());
            let page = Page { size: MEMBERS_MAX, after };
            let members = segment_members::pool(on, segment, pool, page).await?;
            Ok(members.into_iter().map(|member| (0, member)).collect())
        }
    }
}

/// The next devices of one member, and the last of these if there may be more.
async fn of_one(
    on: &impl On,
    through: Through,
    from: &Position,
    limit: u64,
) -> Result<(Vec<Device>, Option<DeviceKey>)> {
    let mut query = of_members(through, vec![&from.member]).limit(limit);
    if let Some(after) = from.device {
        query = query.filter(Column::Key.gt(after.0));
    }
    let devices = read(on, query).await?;
    let rest = devices.last().filter(|_| is_full(&devices, limit)).map(|last| last.key);
    Ok((devices, rest))
}

fn of_members(through: Through, members: Vec<&String>) -> Select<Entity> {
    let query = Entity::find()
        .filter(Column::WorkspaceId.eq(through.workspace.0))
        .filter(Column::DeletedAt.is_null());
    let query = match through.kind {
        SegmentKind::ContactKeys => query.filter(Column::ContactKey.is_in(members)),
        SegmentKind::DeviceIds => query.filter(Column::DeviceId.is_in(members)),
    };
    query.order_by_asc(Column::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_back_whatever_the_member_is_called() {
        let device = Some(DeviceKey::generate());
        for member in ["ayse", "a/b/c", "/", "ayşe@example.com"] {
            for (version, device) in [(0, None), (7, device)] {
                let position = Position { version, member: member.to_owned(), device };
                assert_eq!(Position::parse(&position.text()).expect("a position"), position);
            }
        }
        assert_eq!(Position::parse("").expect("the beginning"), Position::default());
        for nonsense in ["1", "1/x/a", "x//a"] {
            assert!(Position::parse(nonsense).is_err(), "{nonsense}");
        }
    }
}
